/**
 * @file Scenes made of real digits or garments, by index, from the splits of a dataset. Training scenes hold training
 * images only, test scenes test images only.
 */
export type { Box } from './box.ts';

import { MoonletError } from '../../errors.ts';
import { bytesOfImages } from '../check.ts';
import type { Split } from '../dataset.ts';
import { makeScene, type Scene, type SceneOptions } from './scene.ts';

export { type Attributes, attributesOf } from './attributes.ts';
export { makeScene, type Scene, type SceneObject, type SceneOptions } from './scene.ts';
export { contour, edges, seen, segmentation } from './views.ts';

export interface Scenes {
  readonly count: number;
  readonly size: number;
  /** Scene number i; made when first asked for, and kept. @throws MoonletError for a number that is not there. */
  at(i: number): Scene;
}

/**
 * `count` scenes of a split. With one seed, fewer scenes are the first of more.
 * @throws UsageError for images that are floats; MoonletError for images that are not 28 x 28, and for options out of range.
 */
export function scenes(split: Split, count: number, o: SceneOptions = {}): Scenes {
  const { size = 64 } = o;
  if (!Number.isSafeInteger(count) || count < 1)
    throw new MoonletError(`scenes: count must be a whole number from 1 up, got ${count}`);
  if (split.labels.length !== split.count)
    throw new MoonletError(
      `scenes: got ${split.labels.length} labels for ${split.count} images; give one label an image`,
    );
  bytesOfImages(split, 'scenes');
  if (split.pixels.length !== split.count * 784) {
    throw new MoonletError(
      `scenes: images must be 28 x 28 bytes, got ${split.pixels.length / split.count} bytes an image; use mnist or fashion-mnist`,
    );
  }
  if (!Number.isInteger(size) || size < 32 || size > 512)
    throw new MoonletError(`scenes: size must be a whole number from 32 to 512, got ${size}`);
  const [least, most] = o.objects ?? [1, 5];
  if (!(Number.isInteger(least) && Number.isInteger(most) && least >= 1 && most >= least && most <= 20))
    throw new MoonletError(
      `scenes: objects must be two whole numbers, 1 <= least <= most <= 20, got ${least} and ${most}`,
    );
  const made: (Scene | undefined)[] = new Array(count);
  return {
    count,
    size,
    at: (i) => {
      if (!Number.isInteger(i) || i < 0 || i >= count)
        throw new MoonletError(`scenes: no scene ${i}; there are ${count}, from 0`);
      made[i] ??= makeScene(split, i, o);
      return made[i];
    },
  };
}
