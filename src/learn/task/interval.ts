/** @file The confidence interval of a measured share. */

/**
 * Wilson's score interval for `share` = k / n (Wilson 1927, JASA 22, p. 209), z the standard normal quantile:
 *
 *   (p + z^2 / 2n  +-  z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)
 */
export function wilson(share: number, n: number, z: number): readonly [low: number, high: number] {
  const scale = 1 + (z * z) / n;
  const middle = share + (z * z) / (2 * n);
  const half = z * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n));
  return [Math.max(0, (middle - half) / scale), Math.min(1, (middle + half) / scale)];
}

/** Wilson's interval at 95 %. */
export const interval95 = (accuracy: number, n: number): readonly [low: number, high: number] =>
  wilson(accuracy, n, 1.959963984540054);
