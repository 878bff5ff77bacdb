/**
 * @file k-means of numbers. On a line the clusters are intervals, so that Lloyd's two steps are a search and a difference
 * of running sums: exact, without a library for points of many dimensions, and without chance.
 */

/** How centroids begin: evenly between the extremes (Han et al. 2015 find it best), or at even shares of the values. */
export type CentroidStart = 'linear' | 'density';

export interface KMeans {
  /** Sorted; at most as many as were asked for, none without members. */
  readonly centroids: Float32Array;
  /** Sum of squared distances before the first round and after each. */
  readonly inertia: readonly number[];
}

/** Lloyd's algorithm until nothing moves, 300 rounds at most. */
export function kMeans(values: Float32Array, k: number, start: CentroidStart = 'linear'): KMeans {
  const sorted = Float64Array.from(values).sort();
  const n = sorted.length;
  const [sums, squares] = [new Float64Array(n + 1), new Float64Array(n + 1)];
  sorted.forEach((v, i) => {
    sums[i + 1] = (sums[i] as number) + v;
    squares[i + 1] = (squares[i] as number) + v * v;
  });
  const distinct = sorted.filter((v, i) => i === 0 || v !== sorted[i - 1]);
  let centroids = distinct.length <= k ? distinct : first(sorted, k, start);
  const inertia: number[] = [];
  for (let round = 0; round <= 300; round++) {
    const bounds = boundaries(sorted, centroids);
    let total = 0;
    const next: number[] = [];
    centroids.forEach((c, j) => {
      const [from, to] = [bounds[j] as number, bounds[j + 1] as number];
      const count = to - from;
      if (!count) return;
      const sum = (sums[to] as number) - (sums[from] as number);
      total += (squares[to] as number) - (squares[from] as number) - 2 * c * sum + count * c * c;
      next.push(sum / count);
    });
    inertia.push(Math.max(0, total));
    const moved = next.length !== centroids.length || next.some((c, j) => c !== centroids[j]);
    centroids = Float64Array.from(next);
    if (!moved) break;
  }
  return { centroids: Float32Array.from(centroids), inertia };
}

function first(sorted: Float64Array, k: number, start: CentroidStart): Float64Array {
  const n = sorted.length;
  const [low, high] = [sorted[0] as number, sorted[n - 1] as number];
  if (start === 'linear')
    return Float64Array.from({ length: k }, (_, j) =>
      k === 1 ? (low + high) / 2 : low + ((high - low) * j) / (k - 1),
    );
  return Float64Array.from({ length: k }, (_, j) => sorted[Math.floor(((j + 0.5) * n) / k)] as number);
}

/** The first value of each cluster; a value in the middle belongs to the lower one. */
function boundaries(sorted: Float64Array, centroids: Float64Array): Int32Array {
  const bounds = new Int32Array(centroids.length + 1);
  bounds[centroids.length] = sorted.length;
  for (let j = 1; j < centroids.length; j++) {
    const middle = ((centroids[j - 1] as number) + (centroids[j] as number)) / 2;
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const at = (low + high) >> 1;
      if ((sorted[at] as number) <= middle) low = at + 1;
      else high = at;
    }
    bounds[j] = low;
  }
  return bounds;
}
