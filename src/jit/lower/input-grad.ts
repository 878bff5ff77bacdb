/**
 * @file The gradient of a conv with respect to its input: the implementation that runs fastest on onnxruntime. Strided
 * ones in blocks are `phases.ts`.
 */

import type { ConvGeometry } from '../../kernels/index.ts';
import { int, ints } from '../../onnx/index.ts';
import type { Value } from '../ir.ts';
import { sizeOf } from '../types.ts';
import { type BlockedShape, blockedConv, canBlock, type Source, sourceOf } from './blocked.ts';
import { reorderInput } from './blocked-ops.ts';
import { putSum } from './blocked-sum.ts';
import { liesByChannel } from './choose.ts';
import { attributesOf, exchange, isPointwise, oihw, padsOf, type Sizes, sizesOf } from './conv-sizes.ts';
import { depthwiseProductGrad } from './depthwise-product.ts';
import type { Emitter } from './emitter.ts';
import { byChannel, lay, nchw } from './layout.ts';
import { canRotate, rotatedInputGrad } from './rotated.ts';
import { plainConv, plainConvTranspose } from './safe-convs.ts';

export function lowerInputGrad(e: Emitter, g: ConvGeometry, dy: Value, kernel: Value, dx: Value): void {
  const s = sizesOf(dx.shape, kernel.shape, dy.shape, g);
  const pads = turnedPads(g, s);
  if (pads && canRotate(e, s, dx)) {
    const attributes = attributesOf(g, s);
    return putSum(e, dx, (sum) => rotatedInputGrad(e, s, dy, kernel, attributes, pads, { sum }));
  }
  if (depthwiseProductGrad(e, g, s, dy, kernel, dx)) return;
  if (byTurnedKernel(e, g, s, [dy, sourceOf(e, dy)], kernel, dx)) return;
  if (isPointwise(g, s) && liesByChannel(e, dy)) {
    const columns = e.reshape(e.get(dy, byChannel), [s.outChannels, -1]);
    const product = e.emit1('MatMul', [e.reshape(e.get(kernel), [s.channels, s.outChannels]), columns]);
    return e.put(dx, e.reshape(product, lay(dx.shape, byChannel)), byChannel);
  }
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
  const channels = { channels: s.outChannels, filters: s.channels, groups: g.groups };
  e.put(dx, plainConvTranspose(e, [e.get(dy, nchw), e.get(kernel, oihw)], channels, attributes), nchw);
}

/** The pads of the conv of dy that is the input gradient at stride 1; undefined where there is none. */
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
 * At stride 1 the input gradient is a conv of dy with the kernel rotated by 180 degrees and its channels exchanged. This is faster
 * where that conv is blocked or grouped: onnxruntime's transposed convs are slow on groups, and fast otherwise.
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
  else {
    const channels = { channels: s.outChannels, filters: s.channels, groups: g.groups };
    e.put(dx, plainConv(e, [gradient.plain(), e.transpose(exchanged, oihw)], channels, attributes), nchw);
  }
  return true;
}

/** An HWIO kernel rotated by 180 degrees: its taps in reverse order. */
function halfTurned(e: Emitter, kernel: Value, taps: number): string {
  const { shape } = kernel;
  if (taps === 1) return e.get(kernel);
  const order = Array.from({ length: taps }, (_, tap) => taps - 1 - tap);
  const rows = e.reshape(e.get(kernel), [taps, sizeOf(shape) / taps]);
  return e.reshape(e.emit1('Gather', [rows, e.longs(order)], { axis: int(0) }), shape);
}

/** The most columns of the constant matrix whose product with a row of dy puts zeros between its places. */
const widest = 256;

/**
 * At a stride, dy with zeros between its places is the gradient that a conv of stride 1 would get. This form is faster for 1x1
 * kernels, which are applied before the zeros are put in, and for depthwise convs, where onnxruntime's transposed convs are slow.
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
  // without blocks, onnxruntime's transposed conv is the faster one
  if (s.groupIn !== 1 || s.groupOut !== 1 || (e.block === undefined && e.carry)) return false;
  const width = Math.min(s.outWidth * across, s.width + g.pads.left);
  const reach = [g.dilation[0] * (s.kernelHeight - 1), g.dilation[1] * (s.kernelWidth - 1)] as const;
  const { top, left } = g.pads;
  const bottom = tall - s.height - top + reach[0];
  const right = width - s.width - left + reach[1];
  const straight: ConvGeometry = { ...g, stride: [1, 1], pads: { top, left, bottom, right } };
  const plain = (): string => spread(e, g, s, e.get(dy, nchw), s.outChannels, width);
  const source = { plain, blocked: () => reorderInput(e, plain(), s.outChannels) };
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
