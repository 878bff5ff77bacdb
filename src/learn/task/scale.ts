/** @file Normalizes images to inputs of a net. */
import { channelValues, type Dataset } from '../../data/in-memory.ts';

/**
 * What turns images into inputs: x = (byte / 255 - mean) / std of bytes, x = (float - mean) / std of floats. `mean` and `std`
 * are one number or one for each channel. A `Dataset` is a `Scale`.
 */
export type Scale = Pick<Dataset, 'shape' | 'mean' | 'std' | 'preparation'>;

/** The same as x = value * factor - offset, for each channel. */
export interface Affine {
  readonly factor: Float64Array;
  readonly offset: Float64Array;
}
/** @param unit what a value is divided by first: 255 of bytes, 1 of floats. */
export function affineOf({ shape: [, , c], mean, std }: Scale, unit: number): Affine {
  const [means, deviations] = [channelValues(mean, c), channelValues(std, c)];
  return {
    factor: deviations.map((d) => 1 / (unit * d)),
    offset: deviations.map((d, k) => means[k]! / d),
  };
}
