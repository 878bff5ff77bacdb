/**
 * @file The gradient of a full conv in its kernel as a blocked conv that reads x and dy nearly as they lie, where
 * `blocked-filter-grad.ts` exchanges images and channels first.
 *
 *   dk(i, j, c, o) = sum over images n and places t of x(n, c, stride t + (i, j) - pads) dy(n, o, t)
 *
 * Let x leave its blocks row by row, so that rows of a block's channels lie one below the other: [n, (h, c), w]. Then tap row i
 * and channel c together are a row from which a conv begins, with kernels as large as dy's maps, whose rows meet every b-th row
 * of the image. Images are its input channels. Of convs that read fewer channels than fill a block, and read them plain,
 * onnxruntime wants kernels as dy in blocks lies in memory. So the images are parted into groups of so many, whose results are
 * added in the end.
 */

import type { ConvGeometry } from '../../kernels/index.ts';
import { int, ints } from '../../onnx/index.ts';
import type { Value } from '../ir.ts';
import { onesOf } from './blocked.ts';
import { areCached } from './blocked-filter-grad.ts';
import { isWhole } from './choose.ts';
import type { Sizes } from './conv.ts';
import { blockedDomain, type Emitter } from './emitter.ts';
import { axesOf, lacking, madeOf } from './exchanged.ts';
import { blocks } from './layout.ts';
import { rowSums } from './sums.ts';

export const canReadRows = (e: Emitter, g: ConvGeometry, s: Sizes, x: Value, dy: Value): boolean =>
  g.groups === 1 && g.dilation[0] === 1 && isWhole(e, x) && isWhole(e, dy) && areCached(e, s);

export function rowFilterGrad(e: Emitter, g: ConvGeometry, s: Sizes, x: Value, dy: Value, dk: Value): void {
  const { block = 1 } = e;
  const { batch, height, outHeight, outWidth, kernelHeight, kernelWidth } = s;
  const [ins, outs] = [s.channels / block, s.outChannels / block];
  const { rows, columns } = axesOf(g, s);
  const behind = Math.max(0, lacking(columns));
  const width = columns.before + columns.size + behind;
  const lines = swapped(e, linesOf(e, x, columns.before, behind), [1, batch, ins, height * block * width]);
  const image = e.reshape(lines, [ins, batch, height * block, width]);
  const together = divisorBelow(block, batch);
  const groups = batch / together;
  const maps = swapped(e, e.get(dy, blocks), [groups, together, outs, outHeight * outWidth * block]);
  const kernels = e.reshape(maps, [groups * s.outChannels, together, outHeight, outWidth]);
  const attributes = {
    kernel_shape: ints([outHeight, outWidth]),
    strides: ints([1, columns.dilation]),
    dilations: ints([rows.stride * block, columns.stride]),
    pads: ints([rows.before * block, 0, Math.max(0, lacking(rows)) * block, 0]),
    group: int(groups),
  };
  const taps = e.emit1('Conv', [image, kernels], attributes, blockedDomain);
  const [tall, wide] = [madeOf(rows) * block, madeOf(columns)];
  const each = outs * tall * wide * block;
  const sum = groups === 1 ? taps : rowSums(e, taps, [ins, groups, each]);
  const order: number[] = []; // of vectors [c/b, o/b, (i, c), j]
  for (let i = 0; i < kernelHeight; i++) {
    for (let j = 0; j < kernelWidth; j++) {
      for (let c = 0; c < s.channels; c++) {
        const row = i * block + (c % block);
        for (let o = 0; o < outs; o++)
          order.push(((Math.floor(c / block) * outs + o) * tall + row) * wide + j);
      }
    }
  }
  const vectors = e.reshape(sum, [ins * outs * tall * wide, block]);
  e.put(dk, e.reshape(e.emit1('Gather', [vectors, e.longs(order)], { axis: int(0) }), dk.shape));
}

/** x as [n, c/b, (h, c), w], with so many empty columns before and behind. */
function linesOf(e: Emitter, x: Value, before: number, behind: number): string {
  const { block = 1 } = e;
  const [batch = 1, height = 1, size = 1, channels = 1] = x.shape;
  const width = before + size + behind;
  const image = e.get(x, blocks);
  const attributes = { kernel_shape: ints([1, 1]), pads: ints([0, before, 0, behind]), group: int(channels) };
  const padded =
    width === size ? image : e.emit1('Conv', [image, onesOf(e, channels)], attributes, blockedDomain);
  const lines = e.reshape(padded, [(batch * channels * height) / block, block, 1, width]);
  return e.emit1('ReorderOutput', [lines], { channels: int(block) }, blockedDomain);
}

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
