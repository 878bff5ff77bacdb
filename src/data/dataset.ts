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

/** Class indices from 0. Bytes hold 256 classes; take a wider array for more. */
export type Labels = Uint8Array | Uint16Array | Uint32Array | Int8Array | Int16Array | Int32Array;

export interface Split {
  readonly count: number;
  /** `count * h * w * c` bytes, NHWC. */
  readonly pixels: Uint8Array;
  readonly labels: Labels;
}

/** Room for so many labels, in an array that holds so many classes. */
export const labelsFor = (classes: number, length: number): Labels =>
  classes <= 2 ** 8
    ? new Uint8Array(length)
    : classes <= 2 ** 16
      ? new Uint16Array(length)
      : new Int32Array(length);

const kinds = [Uint8Array, Uint16Array, Uint32Array, Int8Array, Int16Array, Int32Array] as const;
/** Room for so many labels in an array of the same kind. */
export function labelsLike(labels: Labels, length: number): Labels {
  const Kind = kinds.find((kind) => labels instanceof kind) ?? Int32Array;
  return new Kind(length);
}
