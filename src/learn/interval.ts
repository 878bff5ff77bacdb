/** @file How far a measured share may be from the true one. */

/** Standard normal quantile of 97.5 %. */
const z = 1.959963984540054;

/**
 * Wilson's score interval at 95 % for `accuracy` = k / n (Wilson 1927, JASA 22, p. 209):
 *
 *   (p + z^2 / 2n  +-  z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)
 */
export function interval95(accuracy: number, n: number): readonly [low: number, high: number] {
  const scale = 1 + (z * z) / n;
  const middle = accuracy + (z * z) / (2 * n);
  const half = z * Math.sqrt((accuracy * (1 - accuracy)) / n + (z * z) / (4 * n * n));
  return [Math.max(0, (middle - half) / scale), Math.min(1, (middle + half) / scale)];
}
