/** @file Images as the inputs that calibrate a net. */
import type { Unlabelled } from '../data/in-memory.ts';
import { passes } from '../learn/task/index.ts';

/**
 * Inputs of images in batches, each [n, ...input] flat; the last one may be smaller. Labels are not needed.
 * @param images bytes or floats, with the mean and the standard deviation that the net expects: `plainPictures`, or
 * `{ ...data, ...data.train }` of a dataset.
 * @param most the most images of a batch; 32 by default.
 * @throws MoonletError when the images are not what they say.
 *
 * @example
 * import { inputBatches } from 'moonlet/compress';
 *
 * const images = { count: 3, pixels: new Uint8Array(3 * 64), shape: [8, 8, 1], mean: 0.5, std: 0.5 } as const;
 * inputBatches(images, 2).map((x) => x.length); // [128, 64]
 */
export function inputBatches(
  images: Pick<Unlabelled, 'count' | 'pixels' | 'shape' | 'mean' | 'std'>,
  most = 32,
): readonly Float32Array[] {
  const { count, pixels } = images;
  const batch = Math.max(1, Math.min(most, count));
  const split = { count, pixels, labels: new Uint8Array(count) };
  return [...passes(split, images, batch)].map(({ x, count: real }) =>
    x.subarray(0, (x.length / batch) * real),
  );
}
