/** @file Pools and their gradients as ONNX nodes, on channels-first images. */

import { type AvgPoolAttrs, inverseCounts, type PoolGeometry } from '../../kernels/index.ts';
import { int, ints } from '../../onnx/index.ts';
import type { Attributes, Value } from '../ir.ts';
import { nth, sizeOf } from '../types.ts';
import type { Emitter } from './emitter.ts';
import { lay, nchw } from './layout.ts';

function attributesOf({ size, stride, pads }: PoolGeometry): Attributes {
  return {
    kernel_shape: ints(size),
    strides: ints(stride),
    pads: ints([pads.top, pads.left, pads.bottom, pads.right]),
  };
}

export function lowerMaxPool(e: Emitter, g: PoolGeometry, x: Value, y: Value): void {
  e.put(y, e.emit1('MaxPool', [e.get(x, nchw)], attributesOf(g)), nchw);
}

/**
 * Adds dy to zeros at the indices that MaxPool gives, which are those of the first maximum of each window in the whole tensor.
 */
export function lowerMaxPoolGrad(e: Emitter, g: PoolGeometry, dy: Value, x: Value, dx: Value): void {
  if (!e.poolIndices) return lowerMaxPoolGradByTaps(e, g, dy, x, dx);
  const size = sizeOf(x.shape);
  const names = e.emit('MaxPool', [e.get(x, nchw)], attributesOf(g), 2);
  const places = e.reshape(nth(names, 1), [sizeOf(dy.shape)]);
  const values = e.reshape(e.get(dy, nchw), [sizeOf(dy.shape)]);
  const zeros = e.emit1('Expand', [e.scalar(0, 'float32'), e.longs([size])]);
  const attributes = { axis: int(0), reduction: { kind: 'string', value: 'add' } as const };
  const flat = e.emit1('ScatterElements', [zeros, places, values], attributes);
  e.put(dx, e.reshape(flat, lay(x.shape, nchw)), nchw);
}

/** What padding counts as where windows are read by a conv, in which -infinity times 0 would be NaN. */
const lowest = -3e38;

/**
 * The same without indices. A conv with one output for each tap of the window, of which each is 1 at its place, gives the values under
 * the taps: [batch * channels, taps, oh, ow]. Each tap that equals the maximum, less the number of such taps before it, is 1 at the first
 * of them and at most 0 elsewhere. The transposed conv adds dy at these places. x must be finite.
 */
function lowerMaxPoolGradByTaps(e: Emitter, g: PoolGeometry, dy: Value, x: Value, dx: Value): void {
  const [b = 1, h = 1, w = 1, c = 1] = x.shape;
  const [, oh = 1, ow = 1] = dy.shape;
  const { top, bottom, left, right } = g.pads;
  const [kh, kw] = g.size;
  const count = kh * kw;
  const taps = e.constant(
    matrix(count, (i, j) => (i === j ? 1 : 0)),
    [count, 1, kh, kw],
    'float32',
  );
  const image = e.reshape(e.get(x, nchw), [b * c, 1, h, w]);
  const padded =
    top + bottom + left + right === 0
      ? image
      : e.emit1('Pad', [image, e.longs([0, 0, top, left, 0, 0, bottom, right]), e.scalar(lowest, 'float32')]);
  const unpadded = { ...attributesOf(g), pads: ints([0, 0, 0, 0]) };
  const values = e.emit1('Conv', [padded, taps], unpadded);
  const most = e.emit1('ReduceMax', [values, e.longs([1])], { keepdims: int(1) });
  const isMost = e.emit1('Cast', [e.emit1('Equal', [values, most])], { to: int(1) });
  const lessBefore = e.constant(
    matrix(count, (i, j) => (i === j ? 1 : j < i ? -1 : 0)),
    [count, count, 1, 1],
    'float32',
  );
  const first = e.emit1('Max', [e.emit1('Conv', [isMost, lessBefore]), e.scalar(0, 'float32')]);
  const parts = e.emit1('Mul', [first, e.reshape(e.get(dy, nchw), [b * c, 1, oh, ow])]);
  const name = e.emit1('ConvTranspose', [parts, taps], transposedOf(g, h, w));
  e.put(dx, e.reshape(name, lay(x.shape, nchw)), nchw);
}

const matrix = (size: number, at: (i: number, j: number) => number): Float32Array =>
  Float32Array.from({ length: size * size }, (_, n) => at(Math.floor(n / size), n % size));

/** The attributes of the transposed conv that leads from the outputs of a pool to an input of h x w. */
function transposedOf(g: PoolGeometry, h: number, w: number): Attributes {
  const { pads, size, stride } = g;
  const rest = [
    (h + pads.top + pads.bottom - size[0]) % stride[0],
    (w + pads.left + pads.right - size[1]) % stride[1],
  ];
  return { ...attributesOf(g), output_padding: ints(rest) };
}

export function lowerAvgPool(e: Emitter, g: AvgPoolAttrs, x: Value, y: Value): void {
  const attributes = { ...attributesOf(g), count_include_pad: int(g.countPadding ? 1 : 0) };
  e.put(y, e.emit1('AveragePool', [e.get(x, nchw)], attributes), nchw);
}

/** dy divided by the window's count, spread over the window: a transposed conv with ones, where each channel is an image. */
export function lowerAvgPoolGrad(e: Emitter, g: AvgPoolAttrs, dy: Value, dx: Value): void {
  const [b = 1, oh = 1, ow = 1, c = 1] = dy.shape;
  const [, h = 1, w = 1] = dx.shape;
  const weights = e.constant(inverseCounts(dx.shape, g), [oh, ow], 'float32');
  const shared = e.reshape(e.emit1('Mul', [e.get(dy, nchw), weights]), [b * c, 1, oh, ow]);
  const [kh, kw] = g.size;
  const ones = e.constant(new Float32Array(kh * kw).fill(1), [1, 1, kh, kw], 'float32');
  const name = e.emit1('ConvTranspose', [shared, ones], transposedOf(g, h, w));
  e.put(dx, e.reshape(name, [b, c, h, w]), nchw);
}
