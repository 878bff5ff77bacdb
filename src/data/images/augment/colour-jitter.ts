/** @file Random changes of brightness, contrast, saturation and hue in random order: torchvision's `ColorJitter`. */
import { permutation, type Random } from '../../../random.ts';
import type { Picture } from '../picture.ts';
import { brightness, contrast, saturation } from './colour.ts';
import { between } from './draw.ts';
import { hue } from './hue.ts';

/** Factors are drawn from max(0, 1 - value) to 1 + value; hues are turned by up to `hue` of the circle either way. 0 by default. */
export interface ColorJitter {
  readonly brightness?: number | undefined;
  readonly contrast?: number | undefined;
  readonly saturation?: number | undefined;
  /** Up to 0.5. */
  readonly hue?: number | undefined;
}

const changes = ['brightness', 'contrast', 'saturation', 'hue'] as const;
const byFactor = { brightness, contrast, saturation } as const;

/** The picture with each of the four changed at random, in random order. */
export function jittered(picture: Picture, jitter: ColorJitter, source: Random): Picture {
  const order = permutation(changes.length, source);
  let result = picture;
  for (const i of order) {
    const change = changes[i]!;
    const most = jitter[change] ?? 0;
    if (most === 0) continue;
    result =
      change === 'hue'
        ? hue(result, between(source, [-most, most]))
        : byFactor[change](result, between(source, [Math.max(0, 1 - most), 1 + most]));
  }
  return result;
}
