/**
 * @file RandAugment (Cubuk et al. 2019, arXiv:1909.13719) with the operations and magnitudes of torchvision's `RandAugment`; timm's list
 * adds inversion and other ranges.
 */
import type { Random } from '../../../random.ts';
import type { Picture } from '../picture.ts';
import { rotate, type Sampling, shearX, shearY, translateX, translateY } from './affine.ts';
import {
  autoContrast,
  brightness,
  contrast,
  equalize,
  posterize,
  saturation,
  sharpness,
  solarize,
} from './colour.ts';

export interface RandAugment {
  /** How many operations a picture passes, each drawn anew; 2 by default. */
  readonly operations?: number | undefined;
  /** How strong they are, from 0 to 30; 9 by default. */
  readonly magnitude?: number | undefined;
  /** Pixels between pixels of shears, shifts and turns: `nearest` (the default, as in torchvision) or `bilinear`. */
  readonly interpolation?: Sampling | undefined;
}

/** What a magnitude of 0 to 1 does. `isSigned`: half of the time with the other sign. */
interface Operation {
  readonly isSigned: boolean;
  apply(picture: Picture, magnitude: number, how: Sampling): Picture;
}
const signed = (apply: Operation['apply']): Operation => ({ isSigned: true, apply });
const plain = (apply: Operation['apply']): Operation => ({ isSigned: false, apply });

/** Of the width or height, the most that a picture is moved. */
const farthest = 150 / 331;
const operations: readonly Operation[] = [
  plain((picture) => picture),
  signed((picture, m, how) => shearX(picture, 0.3 * m, how)),
  signed((picture, m, how) => shearY(picture, 0.3 * m, how)),
  signed((picture, m, how) => translateX(picture, farthest * picture.width * m, how)),
  signed((picture, m, how) => translateY(picture, farthest * picture.height * m, how)),
  signed((picture, m, how) => rotate(picture, 30 * m, how)),
  signed((picture, m) => brightness(picture, 1 + 0.9 * m)),
  signed((picture, m) => saturation(picture, 1 + 0.9 * m)),
  signed((picture, m) => contrast(picture, 1 + 0.9 * m)),
  signed((picture, m) => sharpness(picture, 1 + 0.9 * m)),
  plain((picture, m) => posterize(picture, 8 - Math.round(4 * m))),
  plain((picture, m) => solarize(picture, 255 * (1 - m))),
  plain(autoContrast),
  plain(equalize),
];

/** The picture after so many random operations. */
export function randAugmented(
  picture: Picture,
  { operations: count = 2, magnitude = 9, interpolation = 'nearest' }: RandAugment,
  source: Random,
): Picture {
  let result = picture;
  for (let i = 0; i < count; i++) {
    const operation = operations[source.below(operations.length)]!;
    const sign = operation.isSigned && source.below(2) ? -1 : 1;
    result = operation.apply(result, (sign * magnitude) / 30, interpolation);
  }
  return result;
}
