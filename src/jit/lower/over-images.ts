/**
 * @file Images as the input channels of a blocked conv, which must be fewer than a block, or whole blocks. A batch of another size
 * is split into its whole blocks and the rest, and the two results are added. To fill the last block with images of zeros would
 * cost more arithmetic: nearly twice as much for 17 images with blocks of 16.
 */

import { int } from '../../onnx/index.ts';
import type { Emitter } from './emitter.ts';

/**
 * @param names tensors whose first axis is the batch.
 * @param make the sum over so many images of those tensors; each part of the batch has a sum of the same shape.
 */
export function overImages(
  e: Emitter,
  batch: number,
  names: readonly string[],
  make: (names: readonly string[], count: number) => string,
): string {
  const { block = 1 } = e;
  const rest = batch < block ? 0 : batch % block;
  if (rest === 0) return make(names, batch);
  const sizes = [batch - rest, rest];
  const parts = names.map((name) => e.emit('Split', [name, e.longs(sizes)], { axis: int(0) }, 2));
  const sums = sizes.map((count, i) => {
    const part = parts.map((pair) => pair[i] ?? '');
    return make(part, count);
  });
  return e.emit1('Add', sums);
}
