/** @file A random part of a picture in the net's size: torchvision's and timm's random resized crop. */
import type { Random } from '../../../random.ts';
import { cropped, type Picture } from '../picture.ts';
import { resize } from '../resample.ts';
import { between, betweenLogs } from './draw.ts';

/** Which parts of a picture a random resized crop takes. */
export interface ResizedCrop {
  /** The least and largest share of the picture's area; [0.08, 1] by default. */
  readonly scale?: readonly [least: number, most: number] | undefined;
  /** The least and largest ratio of width to height; [3/4, 4/3] by default. */
  readonly ratio?: readonly [least: number, most: number] | undefined;
}
/** A part of a picture, in pixels. */
export interface Region {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}
type Size = readonly [height: number, width: number];

/**
 * A random part: its share of the area is uniform in `scale`, its ratio of width to height uniform in the logarithm, its place uniform.
 * A part that does not lie in the picture is drawn again, ten times at most; then the middle is taken, as much of it as `ratio` allows.
 */
export function randomRegion(
  { width, height }: Pick<Picture, 'width' | 'height'>,
  { scale = [0.08, 1], ratio = [3 / 4, 4 / 3] }: ResizedCrop,
  source: Random,
): Region {
  for (let tried = 0; tried < 10; tried++) {
    const area = width * height * between(source, scale);
    const proportion = betweenLogs(source, ratio);
    const [w, h] = [Math.round(Math.sqrt(area * proportion)), Math.round(Math.sqrt(area / proportion))];
    if (w < 1 || h < 1 || w > width || h > height) continue;
    return { top: source.below(height - h + 1), left: source.below(width - w + 1), width: w, height: h };
  }
  const own = width / height;
  const h = own < ratio[0] ? Math.max(1, Math.round(width / ratio[0])) : height;
  const w = own > ratio[1] ? Math.max(1, Math.round(height * ratio[1])) : width;
  return { top: Math.floor((height - h) / 2), left: Math.floor((width - w) / 2), width: w, height: h };
}

/** A part of a picture in another size, equal to torchvision's `resized_crop` of a Pillow image to the last bit. */
export const resizedCrop = (
  picture: Picture,
  region: Region,
  [height, width]: Size,
  interpolation = 'bilinear',
): Picture => resize(cropped(picture, region), width, height, interpolation);
