/** @file What a dataset is: images as bytes and labels, in a training and a test split. */

export interface Dataset {
  readonly name: string;
  readonly classes: number;
  readonly classNames: readonly string[];
  readonly shape: readonly [h: number, w: number, c: number];
  readonly train: Split;
  readonly test: Split;
  /** What must be said wherever a number on this dataset stands. */
  readonly note?: string;
  /** Of all training pixels, scaled to 0..1. */
  readonly mean: number;
  /** Standard deviation of all training pixels, scaled to 0..1. */
  readonly std: number;
}

export interface Split {
  readonly count: number;
  /** `count * h * w * c` bytes, NHWC. */
  readonly pixels: Uint8Array;
  readonly labels: Uint8Array;
}
