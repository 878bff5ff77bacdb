/**
 * @file The gradient of a full conv in its kernel as a blocked conv that reads x and dy as they lie, where
 * `blocked-filter-grad.ts` exchanges images and channels first.
 *
 *   dk(i, j, c, o) = sum over images n and places t of x(n, c, stride t + (i, j) - pads) dy(n, o, t)
 *
 * In a row of x in blocks, [w, b], column w + j of channel c lies at b w + (b j + c). So we take x for a plain image that is b times
 * as wide, and run a conv over it with kernels as large as dy's maps and a dilation of b along the rows: it has an output for each
 * tap column and channel. The images of the batch are the input channels of that conv. Where a conv has fewer input channels than
 * a block, onnxruntime reads the image as it is, and wants the kernels just as dy in blocks lies in memory. So the batch is split
 * into groups of fewer images than a block, and the results of the groups are added.
 */

import { ints } from '../../onnx/index.ts';
import { withColumns } from './blocked.ts';
import { areCached } from './blocked-filter-grad.ts';
import { convInBlocks } from './blocked-ops.ts';
import { isWhole } from './choose.ts';
import type { Emitter } from './emitter.ts';
import { axesOf, lacking, madeOf, ownTaps } from './exchanged.ts';
import type { FilterGrad, FilterGradForm } from './filter-grad-form.ts';
import { blocks } from './layout.ts';
import { overImages } from './over-images.ts';
import { rowSums } from './sums.ts';

function rowFilterGrad(e: Emitter, { geometry: g, sizes: s, x, dy, dk }: FilterGrad): void {
  const { block = 1 } = e;
  const { height, outHeight, outWidth, outChannels } = s;
  const [ins, outs] = [s.channels / block, outChannels / block];
  const { rows, columns } = axesOf(g, s);
  const behind = Math.max(0, lacking(columns));
  const line = (columns.before + columns.size + behind) * block;
  const attributes = {
    kernel_shape: ints([outHeight, outWidth]),
    strides: ints([rows.dilation, 1]),
    dilations: ints([rows.stride, columns.stride * block]),
    pads: ints([rows.before, 0, Math.max(0, lacking(rows)), 0]),
  };
  const made = [madeOf(rows), madeOf(columns)] as const;
  const each = outChannels * made[0] * made[1] * block;
  const images = [withColumns(e, x, columns.before, behind), e.get(dy, blocks)];
  const sum = overImages(e, s.batch, images, ([image = '', maps = ''], batch) => {
    const together = divisorBelow(block, batch);
    const groups = batch / together;
    const lines = swapped(e, image, [1, batch, ins, height * line]);
    const kernels = swapped(e, maps, [groups, together, outs, outHeight * outWidth * block]);
    const taps = convInBlocks(e, {
      image: e.reshape(lines, [ins, batch, height, line]),
      channels: batch,
      kernel: e.reshape(kernels, [groups * outChannels, together, outHeight, outWidth]),
      outputs: groups * outChannels,
      groups,
      attributes,
    });
    return rowSums(e, taps, [ins, groups, each]);
  });
  const whole = e.reshape(sum, [ins, outs, ...made, block, block]); // [c/b, o/b, i, j, c, o]
  const own = ownTaps(e, { rows, columns }, whole);
  e.put(dk, e.reshape(e.transpose(own, [2, 3, 0, 4, 1, 5]), dk.shape));
}

/** Reads x and dy as they lie in blocks. */
export const byRows: FilterGradForm = {
  fits: (e, { geometry: g, sizes, x, dy }) =>
    g.groups === 1 && g.dilation[1] === 1 && isWhole(e, x) && isWhole(e, dy) && areCached(e, sizes),
  make: rowFilterGrad,
};

/** [a, b, c, d] as [a, c, b, d]. */
export function swapped(
  e: Emitter,
  name: string,
  [a, b, c, d]: readonly [number, number, number, number],
): string {
  if (b === 1 || c === 1) return name;
  return e.transpose(e.reshape(name, [a, b, c, d]), [0, 2, 1, 3]);
}

/** The largest divisor of `count` below `limit`. */
export function divisorBelow(limit: number, count: number): number {
  let divisor = Math.min(count, limit - 1);
  while (count % divisor !== 0) divisor--;
  return divisor;
}
