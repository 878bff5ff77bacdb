/**
 * @file The gradient of a conv in its kernel as a blocked conv of its own: onnxruntime has none for gradients, but
 *
 *   dk(i, j, c, o) = sum over images n and places t of x(n, c, stride t + dilation (i, j) - pads) dy(n, o, t)
 *
 * is the conv of the images x(c, n) with the kernels dy(o, n), as large as dy's maps: c is the batch, n the channels, o the
 * outputs, and stride and dilation change places. Each number of dy that is read meets all taps of a row, so that a row is
 * made at the pace of matrix products, and x is not copied for each tap.
 *
 * Of a depthwise conv each image and channel is a depthwise conv of its own, of as many channels as there are images times
 * channels; so x and dy in blocks are what they are, without a copy, and what remains is a sum over images.
 */

import type { ConvGeometry } from '../../kernels/index.ts';
import { int, ints } from '../../onnx/index.ts';
import type { Value } from '../ir.ts';
import { blockedDomain, blockedImage } from './blocked.ts';
import type { Sizes } from './conv.ts';
import type { Emitter } from './emitter.ts';
import { nchw } from './layout.ts';

/** dy is read again for every channel of x: bytes of it that a machine may be trusted to have in its caches. */
const cached = 16e6;
/** Outputs that the blocked conv makes together, in blocks. */
const together = 4;
/** Wider rows are worth no product with a matrix that is mostly zeros. */
const widest = 128;

export function canBlockFilterGrad(e: Emitter, g: ConvGeometry, s: Sizes): boolean {
  const { block } = e;
  if (block === undefined || g.groups > 1 || s.kernelWidth === 1 || s.width > widest) return false;
  const kept = Math.min(s.outChannels, together * block) * s.batch * s.outHeight * s.outWidth * 4;
  return s.batch % block === 0 && s.outChannels % 4 === 0 && 2 * s.outChannels >= block && kept <= cached;
}

export function blockedFilterGrad(
  e: Emitter,
  g: ConvGeometry,
  s: Sizes,
  x: Value,
  dy: Value,
  dk: Value,
): void {
  const block = e.block ?? 1;
  const { batch, outHeight, outWidth } = s;
  const outputs = Math.ceil(s.outChannels / block) * block;
  const many = batch / block;
  const maps = blockedImage(e, e.get(dy, nchw)); // [n, o/b, t, ob], as kernels [o/b, n/b, t, nb, ob]
  const parts = e.reshape(maps, [many, block, outputs / block, outHeight * outWidth, block]);
  const kernels = e.reshape(e.transpose(parts, [2, 0, 3, 1, 4]), [outputs, batch, outHeight, outWidth]);
  const { columns } = axesOf(g, s);
  const width = columns.before + columns.size + after(columns);
  const wide = columnsOf(e, e.get(x, nchw), columns.size, columns.before, width);
  const images = blockedImage(e, e.transpose(wide, [1, 0, 2, 3]));
  const filled = { ...s, width };
  const taps = tapsOf(e, { ...g, pads: { ...g.pads, left: 0 } }, filled, images, kernels, 1);
  const all = e.emit1('ReorderOutput', [taps], { channels: int(s.outChannels) }, blockedDomain);
  e.put(dk, ownTaps(e, g, s, all), [2, 3, 0, 1]);
}

export const canBlockDepthwise = (e: Emitter, s: Sizes): boolean =>
  e.block !== undefined && s.groupIn === 1 && s.groupOut === 1 && s.channels % 4 === 0;

export function blockedDepthwise(
  e: Emitter,
  g: ConvGeometry,
  s: Sizes,
  x: Value,
  dy: Value,
  dk: Value,
): void {
  const { batch, height, width, outHeight, outWidth } = s;
  const block = e.block ?? 1;
  const channels = Math.ceil(s.channels / block) * block;
  const all = batch * channels;
  const images = e.reshape(blockedImage(e, e.get(x, nchw)), [1, all, height, width]);
  const kernels = e.reshape(blockedImage(e, e.get(dy, nchw)), [all, 1, outHeight, outWidth]);
  const taps = tapsOf(e, g, s, images, kernels, all);
  const { rows, columns } = axesOf(g, s);
  const made = [madeOf(rows), madeOf(columns)] as const;
  const each = e.reshape(taps, [batch, channels, ...made]);
  const sum = e.emit1('ReduceSum', [each, e.longs([0])], { keepdims: int(1) });
  const plain = e.emit1('ReorderOutput', [sum], { channels: int(s.channels) }, blockedDomain);
  e.put(dk, ownTaps(e, g, s, e.reshape(plain, [s.channels, 1, ...made])), [3, 2, 0, 1]);
}

interface Axis {
  readonly size: number;
  readonly out: number;
  readonly taps: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
}
const axesOf = ({ stride, dilation, pads }: ConvGeometry, s: Sizes): { rows: Axis; columns: Axis } => ({
  rows: {
    size: s.height,
    out: s.outHeight,
    taps: s.kernelHeight,
    stride: stride[0],
    dilation: dilation[0],
    before: pads.top,
  },
  columns: {
    size: s.width,
    out: s.outWidth,
    taps: s.kernelWidth,
    stride: stride[1],
    dilation: dilation[1],
    before: pads.left,
  },
});
/** How many places x lacks behind its end for the last tap of the last place of dy; negative where the stride left some over. */
const after = ({ size, out, taps, stride, dilation, before }: Axis): number =>
  (out - 1) * stride + dilation * (taps - 1) + 1 - size - before;
/** Taps that are made: those of the kernel, and beyond it where places are left over. */
const madeOf = (axis: Axis): number => axis.taps + Math.floor(Math.max(0, -after(axis)) / axis.dilation);

/** The conv of x with dy's maps, stride and dilation exchanged. */
function tapsOf(
  e: Emitter,
  g: ConvGeometry,
  s: Sizes,
  images: string,
  kernels: string,
  group: number,
): string {
  const { rows, columns } = axesOf(g, s);
  const attributes = {
    kernel_shape: ints([s.outHeight, s.outWidth]),
    strides: ints(g.dilation),
    dilations: ints(g.stride),
    pads: ints([rows.before, columns.before, Math.max(0, after(rows)), Math.max(0, after(columns))]),
    group: int(group),
  };
  return e.emit1('Conv', [images, kernels], attributes, blockedDomain);
}

/** [.., .., taps made] without those beyond the kernel. */
function ownTaps(e: Emitter, g: ConvGeometry, s: Sizes, name: string): string {
  const { rows, columns } = axesOf(g, s);
  if ([rows, columns].every((axis) => madeOf(axis) === axis.taps)) return name;
  const ends = e.longs([s.kernelHeight, s.kernelWidth]);
  return e.emit1('Slice', [name, e.longs([0, 0]), ends, e.longs([2, 3])]);
}

/**
 * Just those columns of an image that taps meet, chosen by a product with a constant 0/1 matrix: onnxruntime does that on all
 * threads, unlike a Pad or a Slice.
 */
function columnsOf(e: Emitter, image: string, size: number, before: number, width: number): string {
  if (before === 0 && width === size) return image;
  const chosen = e.once(`filled columns ${[size, width, before].join()}`, () => {
    const data = new Float32Array(size * width);
    for (let column = 0; column < size; column++) {
      const at = column + before;
      if (at < width) data[column * width + at] = 1;
    }
    return e.constant(data, [size, width], 'float32');
  });
  return e.emit1('MatMul', [image, chosen]);
}
