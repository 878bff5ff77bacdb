/** @file Checks of datasets: shape, mean and standard deviation, the number of images and labels, finite values, labels. */
import { MoonletError, UsageError } from '../errors.ts';
import type { Dataset, PerChannel, Pixels, Split } from './dataset.ts';

/** What turns images into inputs. */
type Scaling = Pick<Dataset, 'shape' | 'mean' | 'std'>;

/** The kind of a value, such as `Float64Array` or `Array`. */
const kindOf = (value: unknown): string => Object.prototype.toString.call(value).slice('[object '.length, -1);
const isSize = (n: unknown): boolean => Number.isSafeInteger(n) && Number(n) > 0;
const printed = (shape: unknown): string => (Array.isArray(shape) ? `[${shape.join(', ')}]` : kindOf(shape));

/** Whether this is the shape of images, [height, width, channels]. */
export const isImageShape = (shape: readonly number[]): shape is readonly [number, number, number] =>
  Array.isArray(shape) && shape.length === 3 && shape.every(isSize);

/**
 * Checks the numbers that normalize images.
 * @throws UsageError unless mean and std are finite, std is above 0, and each is one number or one for each channel.
 */
export function checkMeanStd(mean: PerChannel, std: PerChannel, channels: number): void {
  const check = (name: string, value: PerChannel, most: string, fits: (v: number) => boolean): void => {
    if (typeof value !== 'number' && value.length !== channels)
      throw new UsageError(
        `${name} must be one number or one for each of ${channels} channels, got ${value.length} numbers`,
      );
    for (const v of typeof value === 'number' ? [value] : value)
      if (!Number.isFinite(v) || !fits(v)) throw new UsageError(`${name} must be a ${most}, got ${v}`);
  };
  check('mean', mean, 'finite number', () => true);
  check('std', std, 'number above 0', (v) => v > 0);
}

/**
 * Checks that a split holds what it counts: whole images of that shape, finite, and one label for each.
 * @param what names the split in the message, such as `training data`.
 * @throws MoonletError when it does not; UsageError for a mean or std out of range.
 */
export function checkSplit(split: Split, { shape, mean, std }: Scaling, what: string): void {
  const { count, pixels, labels } = split;
  const fail = (reason: string): never => {
    throw new MoonletError(`${what}: ${reason}`);
  };
  if (!isImageShape(shape))
    return fail(`images must have a shape [height, width, channels] of whole numbers, got ${printed(shape)}`);
  const [h, w, c] = shape;
  checkMeanStd(mean, std, c);
  if (!isSize(count)) fail(`count must be a whole number from 1 up, got ${count}; give at least one image`);
  const kind = kindOf(pixels);
  if (kind !== 'Uint8Array' && kind !== 'Uint8ClampedArray' && kind !== 'Float32Array')
    fail(`pixels must be bytes (Uint8Array) or floats (Float32Array), got ${kind}; convert them`);
  const wanted = count * h * w * c;
  if (pixels.length !== wanted)
    fail(
      `${count} images of ${printed(shape)} have ${wanted} values, got ${pixels.length}; check pixels, labels and shape`,
    );
  if (labels?.length !== count)
    fail(`got ${labels?.length ?? 'no'} labels for ${count} images; give one label an image`);
  if (kind === 'Float32Array') checkFinite(pixels, shape, fail);
}

/** @throws by `fail` with the place of the first value that is NaN or infinite. */
function checkFinite(
  pixels: Pixels,
  [h, w, c]: readonly [number, number, number],
  fail: (reason: string) => never,
): void {
  for (let i = 0; i < pixels.length; i++) {
    const value = pixels[i]!;
    if (Number.isFinite(value)) continue;
    const pixel = Math.floor(i / c);
    const place = `row ${Math.floor(pixel / w) % h}, column ${pixel % w}, channel ${i % c}`;
    fail(`image ${Math.floor(pixel / (h * w))} holds ${value} at ${place}; correct or remove the image`);
  }
}

/**
 * Checks labels against a number of classes.
 * @throws MoonletError when a label is not a class of the dataset, 0 to classes - 1.
 */
export function checkClassLabels(labels: ArrayLike<number>, classes: number, what: string): void {
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    if (Number.isInteger(label) && label >= 0 && label < classes) continue;
    throw new MoonletError(
      `${what}: label ${label} of image ${i} is not one of the ${classes} classes, 0 to ${classes - 1}; correct the label, or give more classes`,
    );
  }
}

/**
 * The images as bytes, for what is defined on bytes alone.
 * @throws UsageError when they are floats.
 */
export function bytesOfImages({ pixels }: Split, who: string): Uint8Array {
  if (pixels instanceof Float32Array)
    throw new UsageError(`${who}: needs images of bytes, and these are floats; give bytes, 0 to 255`);
  if (pixels instanceof Uint8Array) return pixels;
  return new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.length);
}
