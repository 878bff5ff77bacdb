/**
 * @file k-means of numbers. In one dimension clusters are intervals: the two steps of Lloyd's algorithm are a binary search
 * and a difference of prefix sums. The result is deterministic.
 */

/** The first centroids: `linear` evenly between the extremes (best by Han et al. 2015), `density` at even quantiles. */
export type CentroidStart = 'linear' | 'density';

export interface KMeans {
  /** Sorted; at most k, each with at least one member. */
  readonly centroids: Float32Array;
  /** Sum of squared distances before the first round and after each. */
  readonly inertia: readonly number[];
}

/** Lloyd's algorithm, until no centroid moves or for 300 rounds. */
export function kMeans(values: Float32Array, k: number, start: CentroidStart = 'linear'): KMeans {
  const sorted = Float64Array.from(values).sort();
  const n = sorted.length;
  const [sums, squares] = [new Float64Array(n + 1), new Float64Array(n + 1)];
  for (const [i, v] of sorted.entries()) {
    sums[i + 1] = sums[i]! + v;
    squares[i + 1] = squares[i]! + v * v;
  }
  const distinct = sorted.filter((v, i) => i === 0 || v !== sorted[i - 1]);
  let centroids = distinct.length <= k ? distinct : initial(sorted, k, start);
  const inertia: number[] = [];
  for (let round = 0; round <= 300; round++) {
    const bounds = boundaries(sorted, centroids);
    let total = 0;
    const next: number[] = [];
    centroids.forEach((c, j) => {
      const [from, to] = [bounds[j]!, bounds[j + 1]!];
      const count = to - from;
      if (!count) return;
      const sum = sums[to]! - sums[from]!;
      total += squares[to]! - squares[from]! - 2 * c * sum + count * c * c;
      next.push(sum / count);
    });
    inertia.push(Math.max(0, total));
    const moved = next.length !== centroids.length || next.some((c, j) => c !== centroids[j]);
    centroids = Float64Array.from(next);
    if (!moved) break;
  }
  return { centroids: Float32Array.from(centroids), inertia };
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
