/** @file What a few paired runs say of a difference: its mean, and the half width of Student's 95 % interval. */

// 97.5 % quantiles of Student's t for 1, 2, ... degrees of freedom
const quantiles = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];
const normal = 1.96;

/** In points, such as `+0.35 ± 1.35`; `?` where one pair says nothing. */
export const pairedText = ({ mean, half }: ReturnType<typeof paired>): string =>
  `${mean >= 0 ? '+' : ''}${mean.toFixed(2)} ± ${Number.isFinite(half) ? half.toFixed(2) : '?'}`;

export const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0) / list.length;

/**
 * `half` is infinite for one pair: nothing can be said. From ten pairs up the quantile is that of nine, a bit too wide; from a thousand up,
 * as of images, that of the normal distribution.
 */
export function paired(differences: readonly number[]): { readonly mean: number; readonly half: number } {
  const n = differences.length;
  const middle = mean(differences);
  if (n < 2) return { mean: middle, half: Number.POSITIVE_INFINITY };
  const variance = differences.reduce((sum, d) => sum + (d - middle) ** 2, 0) / (n - 1);
  const t = n > 1000 ? normal : (quantiles[Math.min(n - 2, quantiles.length - 1)] as number);
  return { mean: middle, half: t * Math.sqrt(variance / n) };
}
