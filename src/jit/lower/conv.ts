/**
 * @file Convolutions and their gradients as ONNX nodes, on channels-first images.
 *
 * Kernels are HWIO in the graph; ONNX's OIHW is their layout [3, 2, 0, 1].
 */

import type { ConvGeometry } from '../../kernels/index.ts';
import { int, ints } from '../../onnx/index.ts';
import type { Attributes, Value } from '../ir.ts';
import type { Emitter } from './emitter.ts';
import { type Layout, nchw } from './layout.ts';

const oihw: Layout = [3, 2, 0, 1];

export interface Sizes {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly outChannels: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  /** Input and output channels of one group. */
  readonly groupIn: number;
  readonly groupOut: number;
}

export function sizesOf(x: readonly number[], kernel: readonly number[], y: readonly number[], g: ConvGeometry): Sizes {
  const [batch = 1, height = 1, width = 1, channels = 1] = x;
  const [, outHeight = 1, outWidth = 1, outChannels = 1] = y;
  const [kernelHeight = 1, kernelWidth = 1, groupIn = 1] = kernel;
  const groupOut = outChannels / g.groups;
  return { batch, height, width, channels, outHeight, outWidth, outChannels, kernelHeight, kernelWidth, groupIn, groupOut };
}

const padsOf = ({ pads }: ConvGeometry): number[] => [pads.top, pads.left, pads.bottom, pads.right];

function attributesOf(g: ConvGeometry, s: Sizes): Attributes {
  return {
    kernel_shape: ints([s.kernelHeight, s.kernelWidth]),
    strides: ints(g.stride),
    dilations: ints(g.dilation),
    pads: ints(padsOf(g)),
    group: int(g.groups),
  };
}

/** Whether the conv is a matrix product of the channels of each place. */
const isPointwise = (g: ConvGeometry, s: Sizes): boolean =>
  s.kernelHeight * s.kernelWidth === 1 && g.groups === 1 && g.stride.every((d) => d === 1) && padsOf(g).every((p) => p === 0);

export function lowerConv(e: Emitter, g: ConvGeometry, x: Value, kernel: Value, y: Value): void {
  const s = sizesOf(x.shape, kernel.shape, y.shape, g);
  e.put(y, e.emit1('Conv', [e.get(x, nchw), e.get(kernel, oihw)], attributesOf(g, s)), nchw);
}

/** The reverse order of the last two axes. */
export function turned(e: Emitter, name: string): string {
  const back = e.longs([-1, -1]);
  return e.emit1('Slice', [name, back, e.longs([-2147483648, -2147483648]), e.longs([2, 3]), back]);
}

export function lowerInputGrad(e: Emitter, g: ConvGeometry, dy: Value, kernel: Value, dx: Value): void {
  const s = sizesOf(dx.shape, kernel.shape, dy.shape, g);
  if (isPointwise(g, s)) {
    return e.put(dx, e.emit1('Conv', [e.get(dy, nchw), e.get(kernel, [2, 3, 0, 1])], { kernel_shape: ints([1, 1]) }), nchw);
  }
  if (g.groups > 1 && g.stride.every((d) => d === 1)) {
    const name = byTurnedKernel(e, g, s, dy, kernel);
    if (name) return e.put(dx, name, nchw);
  }
  const left = (size: number, pads: number, taps: number, axis: 0 | 1): number =>
    (size + pads - g.dilation[axis] * (taps - 1) - 1) % g.stride[axis];
  const rest = [
    left(s.height, g.pads.top + g.pads.bottom, s.kernelHeight, 0),
    left(s.width, g.pads.left + g.pads.right, s.kernelWidth, 1),
  ];
  const attributes = { ...attributesOf(g, s), output_padding: ints(rest) };
  e.put(dx, e.emit1('ConvTranspose', [e.get(dy, nchw), e.get(kernel, oihw)], attributes), nchw);
}

/** At stride 1 the input gradient is a conv of dy with the kernel turned by half a turn, channels exchanged. */
function byTurnedKernel(e: Emitter, g: ConvGeometry, s: Sizes, dy: Value, kernel: Value): string | undefined {
  const reach = [g.dilation[0] * (s.kernelHeight - 1), g.dilation[1] * (s.kernelWidth - 1)] as const;
  const pads = [reach[0] - g.pads.top, reach[1] - g.pads.left, reach[0] - g.pads.bottom, reach[1] - g.pads.right];
  if (pads.some((p) => p < 0)) return undefined;
  const attributes = { ...attributesOf(g, s), pads: ints(pads) };
  return e.emit1('Conv', [e.get(dy, nchw), turned(e, exchanged(e, g, s, kernel))], attributes);
}

/** HWIO [kh, kw, cg, g*og] as [g*cg, og, kh, kw]: the channels of each group exchanged. */
export function exchanged(e: Emitter, g: ConvGeometry, s: Sizes, kernel: Value): string {
  const { kernelHeight: kh, kernelWidth: kw, groupIn, groupOut } = s;
  if (g.groups === 1) return e.get(kernel, [2, 3, 0, 1]);
  if (groupIn === 1 && groupOut === 1) return e.get(kernel, oihw);
  const parts = e.reshape(e.get(kernel), [kh, kw, groupIn, g.groups, groupOut]);
  return e.reshape(e.transpose(parts, [3, 2, 4, 0, 1]), [g.groups * groupIn, groupOut, kh, kw]);
}

export function lowerFilterGrad(e: Emitter, g: ConvGeometry, x: Value, dy: Value, dk: Value): void {
  const s = sizesOf(x.shape, dk.shape, dy.shape, g);
  if (isPointwise(g, s)) return pointwiseFilterGrad(e, s, x, dy, dk);
  if (s.groupIn === 1 && s.groupOut === 1) return depthwiseFilterGrad(e, g, s, x, dy, dk);
  overBatch(e, g, s, x, dy, dk);
}

/** Per image x dy^T over its places, summed over the batch: [i, o]. */
function pointwiseFilterGrad(e: Emitter, s: Sizes, x: Value, dy: Value, dk: Value): void {
  const rows = e.reshape(e.get(x, nchw), [s.batch, s.channels, s.height * s.width]);
  const columns = e.reshape(e.get(dy, nchw), [s.batch, s.outChannels, s.height * s.width]);
  const products = e.emit1('FusedMatMul', [rows, columns], { transB: int(1) }, 'com.microsoft');
  const sum = e.emit1('ReduceSum', [products, e.longs([0])], { keepdims: int(0) });
  e.put(dk, e.reshape(sum, dk.shape));
}

/** Per tap of the window a sum of x under the tap times dy. */
function depthwiseFilterGrad(e: Emitter, g: ConvGeometry, s: Sizes, x: Value, dy: Value, dk: Value): void {
  const { top, bottom, left, right } = g.pads;
  const image = e.get(x, nchw);
  const padded = top + bottom + left + right === 0 ? image : e.emit1('Pad', [image, e.longs([0, 0, top, left, 0, 0, bottom, right])]);
  const gradient = e.get(dy, nchw);
  const sums: string[] = [];
  for (let i = 0; i < s.kernelHeight; i++) {
    for (let j = 0; j < s.kernelWidth; j++) {
      const [a, b] = [i * g.dilation[0], j * g.dilation[1]];
      const ends = [a + (s.outHeight - 1) * g.stride[0] + 1, b + (s.outWidth - 1) * g.stride[1] + 1];
      const under = e.emit1('Slice', [padded, e.longs([a, b]), e.longs(ends), e.longs([2, 3]), e.longs(g.stride)]);
      const product = e.emit1('Mul', [under, gradient]);
      sums.push(e.emit1('ReduceSum', [product, e.longs([0, 2, 3])], { keepdims: int(1) }));
    }
  }
  e.put(dk, e.reshape(e.emit1('Concat', sums, { axis: int(0) }), dk.shape));
}

/**
 * dk(i, o) is the conv of channel i with the image of dy's channel o as the kernel, summed over the batch: a conv
 * whose batch is x's channels, whose channels are the batch, and whose stride and dilation are exchanged.
 */
function overBatch(e: Emitter, g: ConvGeometry, s: Sizes, x: Value, dy: Value, dk: Value): void {
  const { groups, stride, dilation, pads } = g;
  const { batch, height, width, groupIn } = s;
  let images: string;
  if (groups === 1) images = e.get(x, [3, 0, 1, 2]);
  else {
    const parts = e.reshape(e.get(x, nchw), [batch, groups, groupIn, height, width]);
    images = e.reshape(e.transpose(parts, [2, 1, 0, 3, 4]), [groupIn, groups * batch, height, width]);
  }
  const name = e.emit1('Conv', [images, e.get(dy, [3, 0, 1, 2])], {
    kernel_shape: ints([s.outHeight, s.outWidth]),
    strides: ints(dilation),
    dilations: ints(stride),
    pads: ints([pads.top, pads.left, pads.bottom, pads.right]),
    group: int(groups),
  });
  // rows and columns that the forward conv's stride left over give places beyond the kernel
  const tall = Math.floor((height + pads.top + pads.bottom - stride[0] * (s.outHeight - 1) - 1) / dilation[0]) + 1;
  const wide = Math.floor((width + pads.left + pads.right - stride[1] * (s.outWidth - 1) - 1) / dilation[1]) + 1;
  const exact = tall === s.kernelHeight && wide === s.kernelWidth;
  const ends = e.longs([s.kernelHeight, s.kernelWidth]);
  const kept = exact ? name : e.emit1('Slice', [name, e.longs([0, 0]), ends, e.longs([2, 3])]);
  e.put(dk, kept, [2, 3, 0, 1]);
}
