/**
 * @file The gradient of a conv in its kernel as a blocked conv of its own: onnxruntime has none for gradients, but
 *
 *   dk(i, j, c, o) = sum over images n and places t of x(n, c, stride t + dilation (i, j) - pads) dy(n, o, t)
 *
 * is the conv of the images x(c, n) with the kernels dy(o, n), which are as large as dy's maps: c is the batch, n are the input
 * channels, o the output channels, and stride and dilation are exchanged. Each number of dy is read once for all taps of a row, so
 * that it runs at the speed of matrix products, and x is not copied for each tap.
 *
 * For a depthwise conv, that is a depthwise conv of images times channels. It reads x and dy in blocks without a copy, and the
 * results are summed over the images.
 */

import type { ConvGeometry } from '../../kernels/index.ts';
import { int } from '../../onnx/index.ts';
import type { Value } from '../ir.ts';
import { sizeOf } from '../types.ts';
import { joinedGroups, withColumns } from './blocked.ts';
import { convInBlocks, reorderInput, reorderOutput, wholeBlocks } from './blocked-ops.ts';
import { isWhole } from './choose.ts';
import { columnsOf, widest } from './columns.ts';
import type { Sizes } from './conv-sizes.ts';
import type { Emitter } from './emitter.ts';
import { type Axis, axesOf, depthwiseTaps, exchanged, filled, madeOf, ownTaps } from './exchanged.ts';
import type { FilterGrad, FilterGradForm } from './filter-grad-form.ts';
import { blocks, lay, nchw } from './layout.ts';
import { rowSums } from './sums.ts';

/** dy is read again for every channel of x. It has at most this many bytes, so that it stays in the caches. */
const cached = 16e6;
/** The blocked conv computes that many blocks of outputs together. */
const together = 4;
/** With more groups joined to one, matrix products are faster. */
const mostJoined = 4;

/** Whether the kernel has more than one column of taps, and the maps that are read repeatedly stay in the caches. */
export function areCached({ block = 1 }: Emitter, s: Sizes): boolean {
  const kept = Math.min(s.outChannels, together * block) * s.batch * s.outHeight * s.outWidth * 4;
  return s.kernelWidth > 1 && s.width <= widest && kept <= cached;
}

function canBlockFilterGrad(e: Emitter, g: ConvGeometry, s: Sizes): boolean {
  const { block } = e;
  if (block === undefined || s.batch % block !== 0 || !areCached(e, s)) return false;
  if (g.groups === 1) return s.outChannels % 4 === 0 && 2 * s.outChannels >= block;
  const joined = joinedGroups(e, { ...s, groups: g.groups });
  return s.outChannels % block === 0 && joined !== undefined && joined <= mostJoined;
}

function blockedFilterGrad(e: Emitter, { geometry: g, sizes: s, x, dy, dk }: FilterGrad): void {
  const { batch, outHeight, outWidth } = s;
  const outputs = wholeBlocks(e, s.outChannels);
  const kernels = e.reshape(asKernels(e, s, e.get(dy, blocks)), [outputs, batch, outHeight, outWidth]);
  const { rows, columns } = axesOf(g, s);
  const wide = filled(columns); // padding in the conv itself would split the taps of a row
  const image = widened(e, x, columns, wide.size);
  const axes = { rows, columns: wide };
  const joined = g.groups === 1 ? 1 : (joinedGroups(e, { ...s, groups: g.groups }) ?? 1);
  const groups = g.groups / joined; // of the conv that is run
  const inputs = s.channels / groups;
  const size = [rows.size, wide.size] as const;
  const turned =
    groups === 1
      ? e.transpose(image, [1, 0, 2, 3])
      : e.reshape(e.transpose(e.reshape(image, [batch, groups, inputs, ...size]), [2, 1, 0, 3, 4]), [
          inputs,
          groups * batch,
          ...size,
        ]);
  const channels = groups * batch;
  const inBlocks = reorderInput(e, turned, channels);
  const sizes = { channels, outputs, groups };
  const taps = convInBlocks(e, { image: inBlocks, kernel: kernels, ...sizes, attributes: exchanged(axes) });
  const plain = reorderOutput(e, taps, s.outChannels);
  e.put(dk, ownGroups(e, s, joined, ownTaps(e, axes, plain)), [2, 3, 0, 1]);
}

/** Exchanges images and channels first. */
export const imagesAsChannels: FilterGradForm = {
  fits: (e, { geometry, sizes }) => canBlockFilterGrad(e, geometry, sizes),
  make: blockedFilterGrad,
};

/** x, BCHW, with `count` columns: `before` of zeros, those of x, and zeros behind. */
function widened(e: Emitter, x: Value, { size, before }: Axis, count: number): string {
  const channels = x.shape[3] ?? 1;
  const behind = count - size - before;
  if (!isWhole(e, x) || !e.has(x, blocks) || e.has(x, nchw) || behind < 0)
    return columnsOf(e, e.get(x, nchw), { width: size, count, first: -before, shape: lay(x.shape, nchw) });
  const padded = withColumns(e, x, before, behind);
  return reorderOutput(e, padded, channels);
}

/**
 * Maps [n, o/b, t, ob] as kernels [o/b, n/b, t, nb, ob]. The axis nb of the images in a block moves behind o/b and t. A reorder into
 * blocks does just that, on all threads.
 */
function asKernels(e: Emitter, s: Sizes, maps: string): string {
  const block = e.block ?? 1;
  const [many, vectors] = [
    s.batch / block,
    (wholeBlocks(e, s.outChannels) / block) * s.outHeight * s.outWidth,
  ];
  const rows = e.reshape(maps, [many, block, 1, vectors * block]);
  const turned = reorderInput(e, rows, vectors * block, true);
  if (many === 1 || s.outChannels <= block) return turned;
  const places = s.outHeight * s.outWidth;
  return e.transpose(e.reshape(turned, [many, vectors / places, places * block * block]), [1, 0, 2]);
}

/** Out of the gradient of joined groups, [joined c/g, o, taps], that of each group: [c/g, o, taps]. */
function ownGroups(e: Emitter, s: Sizes, joined: number, name: string): string {
  if (joined === 1) return name;
  const { groupIn, groupOut, outChannels, kernelHeight, kernelWidth } = s;
  const mask = e.once(`own groups ${[joined, outChannels, groupOut].join()}`, () => {
    const data = new Float32Array(joined * outChannels);
    for (let o = 0; o < outChannels; o++) data[(Math.floor(o / groupOut) % joined) * outChannels + o] = 1;
    return e.constant(data, [joined, 1, outChannels, 1], 'float32');
  });
  const parts = e.reshape(name, [joined, groupIn, outChannels, kernelHeight * kernelWidth]);
  const own = e.emit1('Mul', [parts, mask]);
  const sum = e.emit1('ReduceSum', [own, e.longs([0])], { keepdims: int(0) });
  return e.reshape(sum, [groupIn, outChannels, kernelHeight, kernelWidth]);
}

function blockedDepthwise(e: Emitter, { geometry: g, sizes: s, x, dy, dk }: FilterGrad): void {
  const axes = axesOf(g, s);
  const made = [madeOf(axes.rows), madeOf(axes.columns)] as const;
  const taps = depthwiseTaps(
    e,
    axes,
    s.batch * wholeBlocks(e, s.channels),
    e.get(x, blocks),
    e.get(dy, blocks),
  );
  const maps = [1, wholeBlocks(e, s.channels), ...made];
  const sum = e.reshape(rowSums(e, taps, [1, s.batch, sizeOf(maps)]), maps);
  const plain = reorderOutput(e, sum, s.channels);
  e.put(dk, ownTaps(e, axes, e.reshape(plain, [s.channels, 1, ...made])), [3, 2, 0, 1]);
}

/** Runs a depthwise conv of images times channels. */
export const depthwiseInBlocks: FilterGradForm = {
  fits: ({ block }, { sizes }) =>
    block !== undefined && sizes.groupIn === 1 && sizes.groupOut === 1 && sizes.channels % 4 === 0,
  make: blockedDepthwise,
};
