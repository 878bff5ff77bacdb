/** @file Augmentations of one picture in bytes: a random part, random colours, RandAugment. */
import { UsageError } from '../../../errors.ts';
import { random } from '../../../random.ts';
import type { Picture } from '../picture.ts';
import { type ColorJitter, jittered } from './colour-jitter.ts';
import { type RandAugment, randAugmented } from './rand-augment.ts';
import { type ResizedCrop, randomRegion, resizedCrop } from './resized-crop.ts';

export type { ColorJitter } from './colour-jitter.ts';
export { beta, between, betweenLogs } from './draw.ts';
export type { RandAugment } from './rand-augment.ts';
export type { ResizedCrop } from './resized-crop.ts';

/** What may happen to a picture, in this order. */
export interface PictureAugment {
  readonly resizedCrop?: ResizedCrop | undefined;
  readonly colorJitter?: ColorJitter | undefined;
  readonly randAugment?: RandAugment | undefined;
}
/** The size of the result where a part is taken, and how it is resized. */
export interface AugmentTarget {
  readonly size: readonly [height: number, width: number];
  /** `bilinear` (the default) or `bicubic`. */
  readonly interpolation?: string | undefined;
}

/** Whether any of them is asked for. */
export const changesPictures = ({ resizedCrop, colorJitter, randAugment }: PictureAugment): boolean =>
  resizedCrop !== undefined || colorJitter !== undefined || randAugment !== undefined;

/**
 * A picture augmented at random: the random part of `resizedCrop` in the size of `target`, then `colorJitter`, then `randAugment`. Equal
 * keys, such as a seed, the number of the picture and the epoch, give equal pixels, in Node and in browsers.
 * @throws UsageError for an option out of its range, and for colours of pictures that are neither grey nor RGB.
 *
 * @example
 * import { augmented } from 'moonlet/pictures';
 *
 * const picture = { width: 40, height: 30, channels: 3, data: new Uint8Array(40 * 30 * 3).fill(128) };
 * const how = { resizedCrop: { scale: [0.5, 1] as const }, colorJitter: { brightness: 0.4 }, randAugment: { magnitude: 9 } };
 * const { width, data } = augmented(picture, how, { size: [24, 24] }, [7, 0, 1]);
 * width; // 24
 * data.length; // 1728
 */
export function augmented(
  picture: Picture,
  how: PictureAugment,
  target: AugmentTarget,
  keys: readonly (string | number)[],
): Picture {
  checkPictureAugment(how);
  return withViews(how, picture.channels)(picture, target, keys);
}

/** The same for many pictures of as many channels, whose options were checked. */
export function withViews(
  { resizedCrop: crop, colorJitter, randAugment }: PictureAugment,
  channels: number,
): (picture: Picture, target: AugmentTarget, keys: readonly (string | number)[]) => Picture {
  const colours = colorJitter ? 'colorJitter' : randAugment ? 'randAugment' : undefined;
  if (colours && channels !== 1 && channels !== 3)
    throw new UsageError(
      `augment.${colours}: changes colours of grey or RGB, and these images have ${channels} channels; leave it out`,
    );
  return (picture, { size, interpolation }, keys) => {
    const source = (purpose: string) => random('view', ...keys, purpose);
    let result = picture;
    if (crop) result = resizedCrop(picture, randomRegion(picture, crop, source('crop')), size, interpolation);
    if (colorJitter) result = jittered(result, colorJitter, source('jitter'));
    return randAugment ? randAugmented(result, randAugment, source('rand')) : result;
  };
}

/** @throws UsageError that names the option and its range. */
export function checkPictureAugment({ resizedCrop: crop, colorJitter, randAugment }: PictureAugment): void {
  if (crop) {
    checkInterval('resizedCrop.scale', crop.scale ?? [1, 1], 1);
    checkInterval('resizedCrop.ratio', crop.ratio ?? [1, 1], 100);
  }
  for (const name of ['brightness', 'contrast', 'saturation'] as const)
    checkBetween(`colorJitter.${name}`, colorJitter?.[name] ?? 0, 10);
  checkBetween('colorJitter.hue', colorJitter?.hue ?? 0, 0.5);
  const { operations = 2, magnitude = 9, interpolation = 'nearest' } = randAugment ?? {};
  if (!Number.isInteger(operations) || operations < 1 || operations > 14)
    throw new UsageError(
      `augment.randAugment.operations must be a whole number from 1 to 14, got ${operations}`,
    );
  checkBetween('randAugment.magnitude', magnitude, 30);
  if (interpolation !== 'nearest' && interpolation !== 'bilinear')
    throw new UsageError(
      `augment.randAugment.interpolation must be nearest or bilinear, got ${JSON.stringify(interpolation)}`,
    );
}

/** @throws UsageError unless the value is from 0 to `most`. */
export function checkBetween(name: string, value: number, most: number): void {
  if (!(value >= 0 && value <= most))
    throw new UsageError(`augment.${name} must be a number from 0 to ${most}, got ${value}`);
}
/** @throws UsageError unless 0 < low <= high <= most. */
export function checkInterval(name: string, [low, high]: readonly [number, number], most: number): void {
  if (!(low > 0 && low <= high && high <= most))
    throw new UsageError(
      `augment.${name} must be two numbers above 0 and up to ${most}, the smaller one first, got ${low}, ${high}`,
    );
}
