/**
 * @file Convolutions and their gradients as ONNX nodes, on channels-first images.
 *
 * Kernels are HWIO in the graph; ONNX's OIHW is their layout [3, 2, 0, 1].
 */

import type { ConvGeometry } from '../../kernels/index.ts';
import { int, ints } from '../../onnx/index.ts';
import type { Attributes, Value } from '../ir.ts';
import {
  type Added,
  type BlockedShape,
  blockedConv,
  blockedImage,
  canBlock,
  type Source,
  sourceOf,
} from './blocked.ts';
import { putSum } from './blocked-sum.ts';
import { centring, comesCentred, meanSource, scaledKernel } from './conv-norm.ts';
import type { Emitter } from './emitter.ts';
import { type Layout, nchw } from './layout.ts';
import { canRotate, rotatedConv, rotatedInputGrad } from './rotated.ts';

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

export function sizesOf(
  x: readonly number[],
  kernel: readonly number[],
  y: readonly number[],
  g: ConvGeometry,
): Sizes {
  const [batch = 1, height = 1, width = 1, channels = 1] = x;
  const [, outHeight = 1, outWidth = 1, outChannels = 1] = y;
  const [kernelHeight = 1, kernelWidth = 1, groupIn = 1] = kernel;
  const groupOut = outChannels / g.groups;
  return {
    batch,
    height,
    width,
    channels,
    outHeight,
    outWidth,
    outChannels,
    kernelHeight,
    kernelWidth,
    groupIn,
    groupOut,
  };
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
export const isPointwise = (g: ConvGeometry, s: Sizes): boolean =>
  s.kernelHeight * s.kernelWidth === 1 &&
  g.groups === 1 &&
  g.stride.every((d) => d === 1) &&
  padsOf(g).every((p) => p === 0);

export function lowerConv(e: Emitter, g: ConvGeometry, x: Value, kernel: Value, y: Value): void {
  const s = sizesOf(x.shape, kernel.shape, y.shape, g);
  const attributes = attributesOf(g, s);
  const shape = { ...s, groups: g.groups };
  const make = (source: Source, added?: Added): string =>
    canRotate(e, s, x)
      ? rotatedConv(e, g, s, source.blocked(), kernel, attributes, added)
      : blockedConv(e, source, e.get(kernel), shape, attributes, added);
  if (canRotate(e, s, x) || canBlock(e, shape, x)) {
    const centred = comesCentred(e, x, y);
    const bias = centred ? centring(e, y, make(meanSource(e, x))) : undefined;
    return putSum(e, y, (sum) => make(sourceOf(e, x), { bias, sum }));
  }
  e.put(y, e.emit1('Conv', [e.get(x, nchw), e.get(kernel, oihw)], attributes), nchw);
}

export function lowerInputGrad(e: Emitter, g: ConvGeometry, dy: Value, whole: Value, dx: Value): void {
  const kernel = scaledKernel(e, dy, whole);
  const s = sizesOf(dx.shape, kernel.shape, dy.shape, g);
  const pads = turnedPads(g, s);
  if (pads && canRotate(e, s, dx)) {
    const attributes = attributesOf(g, s);
    return putSum(e, dx, (sum) => rotatedInputGrad(e, s, dy, kernel, attributes, pads, { sum }));
  }
  if (byTurnedKernel(e, g, s, [dy, sourceOf(e, dy)], kernel, dx)) return;
  if (isPointwise(g, s)) {
    return e.put(
      dx,
      e.emit1('Conv', [e.get(dy, nchw), e.get(kernel, [2, 3, 0, 1])], { kernel_shape: ints([1, 1]) }),
      nchw,
    );
  }
  if (bySpreading(e, g, s, dy, kernel, dx)) return;
  const left = (size: number, pads: number, taps: number, axis: 0 | 1): number =>
    (size + pads - g.dilation[axis] * (taps - 1) - 1) % g.stride[axis];
  const rest = [
    left(s.height, g.pads.top + g.pads.bottom, s.kernelHeight, 0),
    left(s.width, g.pads.left + g.pads.right, s.kernelWidth, 1),
  ];
  const attributes = { ...attributesOf(g, s), output_padding: ints(rest) };
  e.put(dx, e.emit1('ConvTranspose', [e.get(dy, nchw), e.get(kernel, oihw)], attributes), nchw);
}

/** The pads of the conv that is the input gradient at stride 1. */
function turnedPads(g: ConvGeometry, s: Sizes): number[] | undefined {
  const reach = [g.dilation[0] * (s.kernelHeight - 1), g.dilation[1] * (s.kernelWidth - 1)] as const;
  const pads = [
    reach[0] - g.pads.top,
    reach[1] - g.pads.left,
    reach[0] - g.pads.bottom,
    reach[1] - g.pads.right,
  ];
  return g.stride.every((step) => step === 1) && pads.every((p) => p >= 0) ? pads : undefined;
}

/**
 * At stride 1 the input gradient is a conv of dy with the kernel turned by half a turn, channels exchanged.
 * Worth it where that conv is blocked, or grouped: onnxruntime's transposed convs are slow on groups and fast
 * otherwise.
 */
function byTurnedKernel(
  e: Emitter,
  g: ConvGeometry,
  s: Sizes,
  [dy, gradient]: readonly [Value, Source],
  kernel: Value,
  dx: Value,
): boolean {
  const { kernelHeight: kh, kernelWidth: kw, groupIn, groupOut } = s;
  const pads = turnedPads(g, s);
  if (!pads) return false;
  const shape: BlockedShape = {
    kernelHeight: kh,
    kernelWidth: kw,
    groupIn: groupOut,
    channels: s.outChannels,
    outChannels: s.channels,
    groups: g.groups,
  };
  const blocked = canBlock(e, shape, dy);
  if (!blocked && g.groups === 1) return false;
  const attributes = { ...attributesOf(g, s), pads: ints(pads) };
  const exchanged = exchange(e, halfTurned(e, kernel, kh * kw), [kh, kw, groupIn, g.groups, groupOut]);
  if (blocked) putSum(e, dx, (sum) => blockedConv(e, gradient, exchanged, shape, attributes, { sum }));
  else e.put(dx, e.emit1('Conv', [gradient.plain(), e.transpose(exchanged, oihw)], attributes), nchw);
  return true;
}

function halfTurned(e: Emitter, kernel: Value, taps: number): string {
  if (taps === 1) return e.get(kernel);
  const back = e.longs([-1, -1]);
  const ends = e.longs([-2147483648, -2147483648]);
  return e.emit1('Slice', [e.get(kernel), back, ends, e.longs([0, 1]), back]);
}

/** Rows of dy are spread over strided rows by a product with a constant of so many columns at most. */
const widest = 256;

/**
 * At a stride, dy with zeros between its places is what a conv of stride 1 would have had. That is worth it where the
 * kernel has one place, which meets dy before the zeros come in, and on depthwise convs, where onnxruntime's transposed
 * convs are slow.
 */
function bySpreading(e: Emitter, g: ConvGeometry, s: Sizes, dy: Value, kernel: Value, dx: Value): boolean {
  const [down, across] = g.stride;
  if ((down === 1 && across === 1) || down * (s.width + g.pads.left) > widest) return false;
  const tall = s.outHeight * down;
  if (s.kernelHeight * s.kernelWidth === 1 && g.groups === 1 && padsOf(g).every((p) => p === 0)) {
    const met = e.emit1('Conv', [e.get(dy, nchw), e.get(kernel, [2, 3, 0, 1])], {
      kernel_shape: ints([1, 1]),
    });
    const wide = spread(e, g, s, met, s.channels, s.width);
    const name =
      tall === s.height ? wide : e.emit1('Slice', [wide, e.longs([0]), e.longs([s.height]), e.longs([2])]);
    e.put(dx, name, nchw);
    return true;
  }
  if (s.groupIn !== 1 || s.groupOut !== 1) return false;
  const width = Math.min(s.outWidth * across, s.width + g.pads.left);
  const reach = [g.dilation[0] * (s.kernelHeight - 1), g.dilation[1] * (s.kernelWidth - 1)] as const;
  const { top, left } = g.pads;
  const bottom = tall - s.height - top + reach[0];
  const right = width - s.width - left + reach[1];
  const straight: ConvGeometry = { ...g, stride: [1, 1], pads: { top, left, bottom, right } };
  const plain = (): string => spread(e, g, s, e.get(dy, nchw), s.outChannels, width);
  const source = { plain, blocked: () => blockedImage(e, plain()) };
  return byTurnedKernel(e, straight, s, [dy, source], kernel, dx);
}

/** [b, c, oh, ow] -> [b, c, down oh, width]: a place at every stride, zeros between. */
function spread(
  e: Emitter,
  { stride: [down, across] }: ConvGeometry,
  { batch, outHeight, outWidth }: Sizes,
  image: string,
  channels: number,
  width: number,
): string {
  const places = e.once(`spread ${[down, across, outWidth, width].join()}`, () => {
    const data = new Float32Array(outWidth * down * width);
    for (let out = 0; out < outWidth; out++) data[out * down * width + out * across] = 1;
    return e.constant(data, [outWidth, down * width], 'float32');
  });
  return e.reshape(e.emit1('MatMul', [image, places]), [batch, channels, outHeight * down, width]);
}

/** HWIO [kh, kw, cg, g*og] as [kh, kw, og, g*cg]: the channels of each group exchanged. */
function exchange(
  e: Emitter,
  kernel: string,
  sizes: readonly [number, number, number, number, number],
): string {
  const [kh, kw, groupIn, groups, groupOut] = sizes;
  if (groupIn === 1 && groupOut === 1) return kernel;
  if (groups === 1) return e.transpose(kernel, [0, 1, 3, 2]);
  const parts = e.transpose(e.reshape(kernel, [kh, kw, groupIn, groups, groupOut]), [0, 1, 4, 3, 2]);
  return e.reshape(parts, [kh, kw, groupOut, groups * groupIn]);
}
