/** @file Random numbers of augmentations: the same on every processor. */
import type { Random } from '../../../random.ts';

/** Uniform from `low` to `high`. */
export const between = (source: Random, [low, high]: readonly [number, number]): number =>
  low + (high - low) * source.uniform();

/**
 * Uniform in its logarithm, from `low` to `high`. The last bits of a power may differ from processor to processor, so that they are
 * rounded off.
 */
export const betweenLogs = (source: Random, [low, high]: readonly [number, number]): number =>
  Math.fround(Math.exp(between(source, [Math.log(low), Math.log(high)])));

/** Gamma-distributed with shape `alpha` and scale 1, as its logarithm: Marsaglia and Tsang 2000, ACM TOMS 26(3), section 6. */
function logGamma(source: Random, alpha: number): number {
  if (alpha < 1) return logGamma(source, alpha + 1) + Math.log(1 - source.uniform()) / alpha;
  const d = alpha - 1 / 3;
  for (;;) {
    const x = source.normal();
    const v = (1 + x / Math.sqrt(9 * d)) ** 3;
    if (v > 0 && Math.log(1 - source.uniform()) < (x * x) / 2 + d - d * v + d * Math.log(v))
      return Math.log(d * v);
  }
}

/** From 0 to 1 with the distribution Beta(alpha, alpha), rounded to 2^-16. */
export function beta(source: Random, alpha: number): number {
  const [a, b] = [logGamma(source, alpha), logGamma(source, alpha)];
  return Math.round(65536 / (1 + Math.exp(b - a))) / 65536;
}
