/**
 * @file From a picture to a net's input as timm does it for evaluation: resized, cropped, normalized. What of it a net was trained
 * with stands on its card under `preprocessing`.
 */
import { UsageError } from '../../errors.ts';
import { checkPicture, cropped, exchanged, inChannels, type Picture } from './picture.ts';
import { interpolations, isInterpolation, resizedPart } from './resample.ts';

/** How a picture becomes a net's input: the fields of `preprocessing` on the card of an imported net that say so. */
export interface Preparation {
  /** The range to which pixels of 0 to 255 are scaled before mean and standard deviation; [0, 1] by default. */
  readonly range?: readonly [number, number] | undefined;
  /** Of each channel, in the order of `channels`: x = (value - mean) / std. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** The order of channels; by default RGB for three, grey for one. */
  readonly channels?: string | undefined;
  /** Height and width of the input: one number, or both. */
  readonly size: number | readonly [height: number, width: number];
  /** `bilinear` (the default) or `bicubic`. */
  readonly interpolation?: string | undefined;
  /** Share of the resized picture that the crop in its middle takes; 0.875 by default. */
  readonly crop?: number | undefined;
  /**
   * `center` (the default): the shorter side is resized, and the middle cropped. `squash`: both sides are resized, whatever the
   * proportions. `border`: the longer side is resized, and the rest filled with the mean.
   */
  readonly cropMode?: string | undefined;
}

const modes = ['center', 'squash', 'border'];
/** Rounds to the nearest whole number, halves to the even one, as Python does. */
function rounded(x: number): number {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}

/** @throws UsageError that names the field, for one that cannot be. */
export function checkPreparation(p: Preparation): void {
  const fail = (text: string): never => {
    throw new UsageError(`preprocessing: ${text}`);
  };
  const { mean, std, channels, interpolation = 'bilinear', crop = 0.875, cropMode = 'center' } = p;
  for (const n of [p.size].flat())
    if (!Number.isSafeInteger(n) || n < 1 || n > 4096)
      fail(`size must be a whole number from 1 to 4096, got ${n}`);
  if (mean.length !== std.length || (mean.length !== 1 && mean.length !== 3))
    fail(`mean and std must be 1 number for grey or 3 for RGB, got ${mean.length} and ${std.length}`);
  if (std.some((v) => !(v > 0))) fail(`std must be above 0, got ${std.join(', ')}`);
  if (channels !== undefined && !['rgb', 'bgr', 'gray', 'any'].includes(channels))
    fail(`channels must be rgb, bgr or gray, got "${channels}"`);
  if (!isInterpolation(interpolation))
    fail(`interpolation must be ${interpolations.join(' or ')}, got "${interpolation}"`);
  if (!(crop > 0 && crop <= 4)) fail(`crop must be a share above 0, got ${crop}`);
  if (!modes.includes(cropMode)) fail(`cropMode must be ${modes.join(', ')}, got "${cropMode}"`);
}

/** Height and width of the input. */
export const sizeOfInput = ({ size }: Preparation): readonly [height: number, width: number] =>
  typeof size === 'number' ? [size, size] : size;

/** The size to which a picture is resized before the crop. */
function resizedTo(p: Preparation, { width, height }: Picture): readonly [height: number, width: number] {
  const { crop = 0.875, cropMode = 'center' } = p;
  const [h, w] = sizeOfInput(p);
  const [tall, wide] = [Math.floor(h / crop), Math.floor(w / crop)];
  if (cropMode === 'squash') return [tall, wide];
  if (cropMode === 'center' && tall === wide)
    return width <= height
      ? [Math.trunc((wide * height) / width), wide]
      : [tall, Math.trunc((tall * width) / height)];
  const ratios = [height / tall, width / wide];
  const ratio = cropMode === 'border' ? Math.max(...ratios) : Math.min(...ratios);
  return [rounded(height / ratio), rounded(width / ratio)];
}

/** The middle of a resized picture, of which no more is made; where it is too small, `fill` surrounds it. */
function middle(
  picture: Picture,
  [tall, wide]: readonly [number, number],
  p: Preparation,
  fill: readonly number[],
): Picture {
  const { interpolation = 'bilinear' } = p;
  const [height, width] = sizeOfInput(p);
  const start = (have: number, want: number): number =>
    want > have ? -Math.floor((want - have) / 2) : rounded((have - want) / 2);
  const [left, top] = [start(wide, width), start(tall, height)];
  const part = {
    left: Math.max(left, 0),
    top: Math.max(top, 0),
    width: Math.min(width, wide),
    height: Math.min(height, tall),
  };
  const how = isInterpolation(interpolation) ? interpolation : 'bilinear';
  const made = resizedPart(picture, [wide, tall], how, part);
  return cropped(made, { left: Math.min(left, 0), top: Math.min(top, 0), width, height }, fill);
}

/**
 * A picture as a net's input in bytes, `height * width * channels` of `size`, still of 0 to 255: resized and cropped. Equal to
 * timm's `transforms_imagenet_eval` to the last bit, by the fixed-point arithmetic of Pillow.
 * @throws UsageError for a preparation that cannot be.
 *
 * @example
 * import { normalized, prepared } from 'moonlet/pictures';
 *
 * const picture = { width: 40, height: 30, channels: 3, data: new Uint8Array(40 * 30 * 3).fill(128) };
 * const how = { size: 24, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], interpolation: 'bicubic', crop: 0.875 };
 * const bytes = prepared(picture, how);
 * bytes.length; // 1728
 * normalized(bytes, how)[0]?.toFixed(5); // '0.00392'
 */
export function prepared(picture: Picture, p: Preparation): Uint8Array {
  checkPreparation(p);
  checkPicture(picture);
  const { mean, channels, cropMode = 'center', range: [low, high] = [0, 1] } = p;
  const coloured = inChannels(picture, mean.length);
  const [height, width] = resizedTo(p, coloured);
  const shares = mean.map((m) => Math.min(Math.max((m - low) / (high - low), 0), 1));
  const inOrder = channels === 'bgr' ? shares.toReversed() : shares;
  const fill = cropMode === 'border' ? inOrder.map((m) => rounded(255 * m)) : [];
  const { data } = middle(coloured, [Math.max(height, 1), Math.max(width, 1)], p, fill);
  return channels === 'bgr' ? exchanged(data) : data;
}

/** Mean and standard deviation of bytes that were divided by 255, as a dataset has them. */
export function scaleOf({ mean, std, range: [low, high] = [0, 1] }: Preparation): {
  readonly mean: readonly number[];
  readonly std: readonly number[];
} {
  const span = high - low;
  return { mean: mean.map((m) => (m - low) / span), std: std.map((s) => s / span) };
}

/** The bytes of `prepared` as the values that a net takes: x = (byte / 255 - mean) / std, for each channel, when the range is [0, 1]. */
export function normalized(bytes: Uint8Array, p: Preparation): Float32Array {
  const { mean, std } = scaleOf(p);
  const channels = mean.length;
  return Float32Array.from(bytes, (v, i) => (v / 255 - mean[i % channels]!) / std[i % channels]!);
}
