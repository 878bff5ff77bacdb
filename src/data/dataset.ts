/** @file The type of a dataset: images and labels as typed arrays, in a training and a test split. */

import type { Preparation } from './images/prepare.ts';

/**
 * Values of images. Bytes are divided by 255 before mean and standard deviation are applied; floats are taken as they are:
 * x = (byte / 255 - mean) / std, or x = (float - mean) / std.
 */
export type Pixels = Uint8Array | Uint8ClampedArray | Float32Array;
/** One number for all channels, or one for each. */
export type PerChannel = number | readonly number[];

/** Images of classes. `dataset` makes one of arrays and checks it; `loadDataset` reads one. */
export interface Dataset<P extends Pixels = Pixels> {
  readonly name: string;
  readonly classes: number;
  readonly classNames: readonly string[];
  readonly shape: readonly [h: number, w: number, c: number];
  readonly train: Split<P>;
  readonly test: Split<P>;
  /** How pictures became these images, where they were files of pictures. */
  readonly preparation?: Preparation;
  /** What must be said wherever a number on this dataset stands. */
  readonly note?: string;
  /** Mean of the training images, in units of `byte / 255` or of the floats themselves. */
  readonly mean: PerChannel;
  /** Standard deviation of the training images, in the same units. */
  readonly std: PerChannel;
}

/** Images without labels, such as those that calibrate a net. */
export interface Unlabelled<P extends Pixels = Pixels>
  extends Pick<Dataset, 'name' | 'shape' | 'preparation' | 'mean' | 'std'> {
  readonly count: number;
  /** `count * h * w * c` values, NHWC. */
  readonly pixels: P;
}

/** Class indices from 0. Bytes hold 256 classes; take a wider array for more. */
export type Labels = Uint8Array | Uint16Array | Uint32Array | Int8Array | Int16Array | Int32Array;

export interface Split<P extends Pixels = Pixels> {
  readonly count: number;
  /** `count * h * w * c` values, NHWC: image after image, row after row, the channels of a pixel side by side. */
  readonly pixels: P;
  readonly labels: Labels;
}

/** Zeros for so many labels, in the narrowest array that holds so many classes. */
export const labelsFor = (classes: number, length: number): Labels =>
  classes <= 2 ** 8
    ? new Uint8Array(length)
    : classes <= 2 ** 16
      ? new Uint16Array(length)
      : new Int32Array(length);

const kinds = [Uint8Array, Uint16Array, Uint32Array, Int8Array, Int16Array, Int32Array] as const;
/** Zeros for so many labels, in an array of the same kind. */
export function labelsLike(labels: Labels, length: number): Labels {
  const Kind = kinds.find((kind) => labels instanceof kind) ?? Int32Array;
  return new Kind(length);
}

/** Zeros for so many values of images, in an array of the same kind. */
export function pixelsLike<P extends Pixels>(pixels: P, length: number): P;
export function pixelsLike(pixels: Pixels, length: number): Pixels {
  if (pixels instanceof Float32Array) return new Float32Array(length);
  return pixels instanceof Uint8Array ? new Uint8Array(length) : new Uint8ClampedArray(length);
}

/** The number of each channel. @param value one number for all channels, or one for each. */
export const channelValues = (value: PerChannel, channels: number): Float64Array =>
  typeof value === 'number' ? new Float64Array(channels).fill(value) : Float64Array.from(value);
