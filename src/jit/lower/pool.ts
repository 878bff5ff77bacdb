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
  const size = sizeOf(x.shape);
  const names = e.emit('MaxPool', [e.get(x, nchw)], attributesOf(g), 2);
  const places = e.reshape(nth(names, 1), [sizeOf(dy.shape)]);
  const values = e.reshape(e.get(dy, nchw), [sizeOf(dy.shape)]);
  const zeros = e.emit1('Expand', [e.scalar(0, 'float32'), e.longs([size])]);
  const attributes = { axis: int(0), reduction: { kind: 'string', value: 'add' } as const };
  const flat = e.emit1('ScatterElements', [zeros, places, values], attributes);
  e.put(dx, e.reshape(flat, lay(x.shape, nchw)), nchw);
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
  const { pads, size, stride } = g;
  const rest = [
    (h + pads.top + pads.bottom - size[0]) % stride[0],
    (w + pads.left + pads.right - size[1]) % stride[1],
  ];
  const ones = e.constant(new Float32Array(size[0] * size[1]).fill(1), [1, 1, size[0], size[1]], 'float32');
  const name = e.emit1('ConvTranspose', [shared, ones], { ...attributesOf(g), output_padding: ints(rest) });
  e.put(dx, e.reshape(name, [b, c, h, w]), nchw);
}
