/** @file Which trials no other one is better than: the Pareto front, and ranks behind it. */

/** Whether `a` is at least as good in all and better in one; the larger the better. */
export const dominates = (a: readonly number[], b: readonly number[]): boolean =>
  a.every((x, i) => x >= b[i]!) && a.some((x, i) => x > b[i]!);

/**
 * The indices of the points that no other dominates, in the order given. Of equal points all are in it. With two objectives it takes
 * n log n steps.
 *
 * @param points objectives of each, the larger the better.
 * @example
 * import { paretoFront } from 'moonlet/sweep';
 * paretoFront([[0.9, -100], [0.8, -50], [0.7, -60]]); // [0, 1]
 */
export function paretoFront(points: readonly (readonly number[])[]): readonly number[] {
  const order = points.map((_, i) => i).sort((a, b) => compare(points[b]!, points[a]!));
  const front: number[] = [];
  let best = Number.NEGATIVE_INFINITY;
  for (const i of order) {
    const point = points[i]!;
    // whoever dominates a point comes before it; with two objectives the best second one so far decides
    const last = front.at(-1);
    const equal = last !== undefined && compare(points[last]!, point) === 0;
    const isBeaten =
      point.length === 2 ? point[1]! <= best && !equal : front.some((k) => dominates(points[k]!, point));
    if (isBeaten || point.some((x) => x === Number.NEGATIVE_INFINITY)) continue;
    front.push(i);
    best = Math.max(best, point[1] ?? best);
  }
  return front.sort((a, b) => a - b);
}

/** Lexicographic: below 0 where `a` is less. */
function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! < b[i]! ? -1 : 1;
  return 0;
}

/**
 * Indices from best to worst: by front after front (Deb et al. 2002, NSGA-II), and by the first objective within a front; of equals
 * the earlier. With one objective that is its order.
 */
export function ranking(points: readonly (readonly number[])[]): readonly number[] {
  const byFirst = (a: number, b: number): number => {
    const [x, y] = [points[a]![0]!, points[b]![0]!];
    return x === y ? a - b : y - x;
  };
  let rest = points.map((_, i) => i);
  if ((points[0]?.length ?? 1) === 1) return rest.sort(byFirst);
  const ranked: number[] = [];
  while (rest.length) {
    const front = paretoFront(rest.map((i) => points[i]!)).map((k) => rest[k]!);
    if (!front.length) return [...ranked, ...rest]; // those that failed
    ranked.push(...front.sort(byFirst));
    const taken = new Set(front);
    rest = rest.filter((i) => !taken.has(i));
  }
  return ranked;
}
