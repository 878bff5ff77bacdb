/** @file Augmentations of training images: their options, ranges and presets. Without tf, so that recipes and flags use it. */

import {
  changesPictures,
  checkBetween,
  checkInterval,
  checkPictureAugment,
  type PictureAugment,
} from '../../data/images/augment/index.ts';
import { UsageError } from '../../errors.ts';
import { checkCount, checkNames } from '../options.ts';

/**
 * What happens to training images, in this order: `resizedCrop`, `colorJitter` and `randAugment` on bytes, `shift` and `flip`, mean and
 * standard deviation, `erasing`; then `mix` on the whole batch. Nothing by default. What happens to an image depends on the seed, the
 * number of the image and the epoch alone; how a batch is mixed depends on the seed and the step.
 */
export interface Augment extends PictureAugment {
  /** Moves each image by up to so many pixels, up or down and left or right; zeros enter (black), before mean and std. */
  readonly shift?: number | undefined;
  /** Mirrors half of the images. */
  readonly flip?: boolean | undefined;
  readonly erasing?: Erasing | undefined;
  readonly mix?: Mixing | undefined;
}
/** Random erasing (Zhong et al. 2017, arXiv:1708.04896), as in timm: rectangles of images after mean and standard deviation. */
export interface Erasing {
  /** The share of images in which something is erased; 0.25 by default. */
  readonly probability?: number | undefined;
  /**
   * What takes the place: `const` zeros, which is the mean; `rand` one normal number for each channel; `pixel` (the default) one for
   * each value.
   */
  readonly mode?: ErasingMode | undefined;
  /** The least and largest share of the image's area; [0.02, 1/3] by default. */
  readonly area?: readonly [least: number, most: number] | undefined;
  /** The least and largest ratio of height to width; [0.3, 1/0.3] by default. */
  readonly ratio?: readonly [least: number, most: number] | undefined;
  /** How many rectangles share the area; 1 by default. */
  readonly count?: number | undefined;
}
export const erasingModes = ['const', 'rand', 'pixel'] as const;
export type ErasingMode = (typeof erasingModes)[number];

/**
 * Mixup (Zhang et al. 2017, arXiv:1710.09412) and CutMix (Yun et al. 2019, arXiv:1905.04899), as timm's `Mixup` with mode `batch`: each
 * batch is mixed with itself in reverse order, and labels become shares of two classes.
 */
export interface Mixing {
  /** Of the distribution Beta(alpha, alpha) of the share for mixup; 0 (the default): no mixup. */
  readonly mixup?: number | undefined;
  /** The same for the area that CutMix leaves; 0 (the default): no CutMix. */
  readonly cutmix?: number | undefined;
  /** The share of batches that are mixed; 1 by default. */
  readonly probability?: number | undefined;
  /** Where both are asked for, the share of CutMix; 0.5 by default. */
  readonly switchProbability?: number | undefined;
}

/** Whether batches are mixed, so that labels are shares of two classes. */
export const mixes = ({ mix }: Augment = {}): boolean =>
  mix !== undefined && ((mix.mixup ?? 0) > 0 || (mix.cutmix ?? 0) > 0) && mix.probability !== 0;

/** Augmentations by name, from weak to strong. Those of letters and digits should not mirror: give `flip: false` beside them. */
export const augmentPresets = {
  none: {},
  light: { resizedCrop: { scale: [0.5, 1] }, flip: true },
  /** timm's defaults. */
  standard: {
    resizedCrop: { scale: [0.08, 1] },
    flip: true,
    colorJitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4 },
  },
  strong: {
    resizedCrop: { scale: [0.08, 1] },
    flip: true,
    randAugment: { operations: 2, magnitude: 9 },
    erasing: { probability: 0.25 },
    mix: { mixup: 0.2, cutmix: 1 },
  },
} as const satisfies Readonly<Record<string, Augment>>;
export type AugmentPreset = keyof typeof augmentPresets;
const isPreset = (name: string): name is AugmentPreset => Object.hasOwn(augmentPresets, name);
export const augmentPresetNames: readonly AugmentPreset[] = Object.keys(augmentPresets).filter(isPreset);

const augmentNames = {
  resizedCrop: true,
  colorJitter: true,
  randAugment: true,
  shift: true,
  flip: true,
  erasing: true,
  mix: true,
} as const;
const cropNames = { scale: true, ratio: true } as const;
const jitterNames = { brightness: true, contrast: true, saturation: true, hue: true } as const;
const randNames = { operations: true, magnitude: true, interpolation: true } as const;
const erasingNames = { probability: true, mode: true, area: true, ratio: true, count: true } as const;
const mixNames = { mixup: true, cutmix: true, probability: true, switchProbability: true } as const;

/** @throws UsageError that names an option out of its range, or one that there is not. */
export function checkAugment(augment: Augment): void {
  const { shift, erasing, mix } = augment;
  checkNames('augment', augment, augmentNames);
  const { resizedCrop, colorJitter, randAugment } = augment;
  if (resizedCrop) checkNames('augment.resizedCrop', resizedCrop, cropNames);
  if (colorJitter) checkNames('augment.colorJitter', colorJitter, jitterNames);
  if (randAugment) checkNames('augment.randAugment', randAugment, randNames);
  if (erasing) checkNames('augment.erasing', erasing, erasingNames);
  if (mix) checkNames('augment.mix', mix, mixNames);
  if (shift !== undefined) checkCount('augment.shift', shift, 0);
  checkPictureAugment(augment);
  if (erasing) {
    const { probability = 0.25, mode = 'pixel', area, ratio, count = 1 } = erasing;
    checkBetween('erasing.probability', probability, 1);
    if (!erasingModes.includes(mode))
      throw new UsageError(
        `augment.erasing.mode must be ${erasingModes.join(', ')}, got ${JSON.stringify(mode)}`,
      );
    if (area) checkInterval('erasing.area', area, 1);
    if (ratio) checkInterval('erasing.ratio', ratio, 100);
    checkCount('augment.erasing.count', count);
  }
  if (!mix) return;
  checkBetween('mix.mixup', mix.mixup ?? 0, 100);
  checkBetween('mix.cutmix', mix.cutmix ?? 0, 100);
  checkBetween('mix.probability', mix.probability ?? 1, 1);
  checkBetween('mix.switchProbability', mix.switchProbability ?? 0.5, 1);
  if (!mix.mixup && !mix.cutmix)
    throw new UsageError('augment.mix: gives neither mixup nor cutmix; give the alpha of at least one');
}

/** @throws UsageError for what needs bytes where images are floats, and for a batch that cannot be mixed. */
export function checkAugmentFits(augment: Augment, pixels: 'bytes' | 'floats', batch: number): void {
  const { resizedCrop, colorJitter } = augment;
  if (pixels === 'floats' && changesPictures(augment)) {
    const name = resizedCrop ? 'resizedCrop' : colorJitter ? 'colorJitter' : 'randAugment';
    throw new UsageError(
      `augment.${name}: needs images of bytes, and these are floats; give bytes, 0 to 255, or leave it out`,
    );
  }
  if (mixes(augment) && batch < 2)
    throw new UsageError(
      `augment.mix: mixes the images of a batch, and a batch has ${batch}; take 2 or more`,
    );
}
