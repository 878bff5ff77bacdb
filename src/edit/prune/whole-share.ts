/** @file Whole numbers of items in shares. */

/** How many whole items a share of n holds: 29 for 0.29 of 100, though 0.29 * 100 is 28.999999999999996 in floating point. */
export const wholeShare = (share: number, n: number): number =>
  Math.floor(share * n * (1 + 2 * Number.EPSILON));
