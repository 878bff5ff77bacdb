/**
 * @file k-means of numbers. In one dimension clusters are intervals: the two steps of Lloyd's algorithm are a binary search
 * and a difference of prefix sums. The result is deterministic.
 */

/** The first centroids: `linear` evenly between the extremes (best by Han et al. 2015), `density` at even quantiles. */
export type CentroidStart = 'linear' | 'density';

export interface KMeans {
  /** Sorted; k, or as many as there are distinct values where these are fewer; each has a member. */
  readonly centroids: Float32Array;
  /** Sum of squared distances before the first round and after each. */
  readonly inertia: readonly number[];
}

/**
 * Lloyd's algorithm, until no centroid moves or for 300 rounds. A cluster without members, such as those between one large value and all
 * others, is replaced: the cluster of the largest error is parted at its mean.
 */
export function kMeans(values: Float32Array, k: number, start: CentroidStart = 'linear'): KMeans {
  const sorted = Float64Array.from(values).sort();
  const n = sorted.length;
  const [sums, squares] = [new Float64Array(n + 1), new Float64Array(n + 1)];
  for (const [i, v] of sorted.entries()) {
    sums[i + 1] = sums[i]! + v;
    squares[i + 1] = squares[i]! + v * v;
  }
  const distinct = sorted.filter((v, i) => i === 0 || v !== sorted[i - 1]);
  const wanted = Math.min(k, distinct.length);
  const part = (from: number, to: number): Part => {
    const [sum, square] = [sums[to]! - sums[from]!, squares[to]! - squares[from]!];
    const mean = sum / (to - from);
    return { from, to, sum, square, mean, error: square - sum * mean };
  };
  let centroids = distinct.length <= k ? distinct : initial(sorted, k, start);
  const inertia: number[] = [];
  for (let round = 0; round <= 300; round++) {
    const bounds = boundaries(sorted, centroids);
    let total = 0;
    const parts: Part[] = [];
    centroids.forEach((c, j) => {
      const [from, to] = [bounds[j]!, bounds[j + 1]!];
      if (from === to) return;
      const made = part(from, to);
      total += made.square - 2 * c * made.sum + (to - from) * c * c;
      parts.push(made);
    });
    inertia.push(Math.max(0, total));
    while (parts.length < wanted) {
      const worst = parts.filter((p) => differ(sorted, p)).reduce((a, b) => (b.error > a.error ? b : a));
      const at = middleOf(sorted, worst);
      parts.splice(parts.indexOf(worst), 1, part(worst.from, at), part(at, worst.to));
    }
    const next = parts.map(({ mean }) => mean);
    const moved = next.some((c, j) => c !== centroids[j]) || next.length !== centroids.length;
    centroids = Float64Array.from(next);
    if (!moved) break;
  }
  return { centroids: Float32Array.from(centroids), inertia };
}

/** Neighbouring values as one cluster. */
interface Part {
  readonly from: number;
  readonly to: number;
  readonly sum: number;
  readonly square: number;
  readonly mean: number;
  /** The squared distances to the mean. */
  readonly error: number;
}

/** Whether a cluster has two values that differ. */
const differ = (sorted: Float64Array, { from, to }: Part): boolean => sorted[from] !== sorted[to - 1];

/** The first value above the mean of a cluster whose values differ. */
function middleOf(sorted: Float64Array, { from, to, mean }: Part): number {
  const values = sorted.subarray(from, to);
  const above = values.findIndex((v) => v > mean);
  // the mean of neighbouring floats may be rounded to one of them
  return from + (above > 0 ? above : values.findIndex((v) => v > values[0]!));
}

function initial(sorted: Float64Array, k: number, start: CentroidStart): Float64Array {
  const n = sorted.length;
  const [low, high] = [sorted[0]!, sorted[n - 1]!];
  if (start === 'linear')
    return Float64Array.from({ length: k }, (_, j) =>
      k === 1 ? (low + high) / 2 : low + ((high - low) * j) / (k - 1),
    );
  return Float64Array.from({ length: k }, (_, j) => sorted[Math.floor(((j + 0.5) * n) / k)]!);
}

/** The index of the first value of each cluster; a value halfway between two centroids belongs to the lower one. */
function boundaries(sorted: Float64Array, centroids: Float64Array): Int32Array {
  const bounds = new Int32Array(centroids.length + 1);
  bounds[centroids.length] = sorted.length;
  for (let j = 1; j < centroids.length; j++) {
    const middle = (centroids[j - 1]! + centroids[j]!) / 2;
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const half = (low + high) >> 1;
      if (sorted[half]! <= middle) low = half + 1;
      else high = half;
    }
    bounds[j] = low;
  }
  return bounds;
}
