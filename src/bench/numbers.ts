/** @file Medians and quartiles. */

/** The value below which a share of the numbers lies, between neighbours where it falls between. NaN for none. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low === undefined || high === undefined ? Number.NaN : low + (high - low) * (at % 1);
}
export const median = (numbers: readonly number[]): number => quantile(numbers, 0.5);

export const rounded = (value: number, digits = 4): number => Number(value.toPrecision(digits));
