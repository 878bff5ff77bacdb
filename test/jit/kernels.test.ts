/** @file The law of agreement, kernel by kernel: traced and eager, with gradients, to 1e-5 of the largest value. */

import * as tf from '@tensorflow/tfjs-core';
import { avgPool, batchNorm, conv, maxPool } from '../../src/kernels/index.ts';
import { expectAgreement, type Fn, numbers, withGradients } from './agree.ts';

type Case = readonly [name: string, fn: Fn, shapes: readonly (readonly number[])[], options?: Options];
interface Options {
  /** How many of the inputs get a gradient; all unless said, 0 for none. */
  readonly grads?: number;
  readonly dtype?: 'int32';
  readonly prepare?: (x: number) => number;
  readonly bound?: number;
}

const image = [2, 5, 6, 4];
const positive: Options = { prepare: (x) => Math.abs(x) + 0.1 };
const ints: Options = { grads: 0, dtype: 'int32', prepare: (x) => Math.round(x * 9) || 1 };
const none: Options = { grads: 0 };
const halves: Options = { grads: 0, prepare: (x) => Math.round(x * 4) / 2 };
/** tf's own gradients of these do not undo a broadcast. */
const broadcast = (name: string): Options => (name === 'add' || name === 'sub' || name === 'mul' ? {} : none);
/** tf's own gradient of a product does not run without its chained ops. */
const differentiable = (name: string): Options => (name === 'prod' ? none : {});
const square = [2, 5, 5, 4]; // tf's cpu gradient of bilinear resizing exchanges height and width
const as4 = (x: tf.Tensor): tf.Tensor4D => x as tf.Tensor4D;
const geometry = { stride: [1, 1], dilation: [1, 1], pads: { top: 1, bottom: 1, left: 1, right: 1 }, groups: 1 } as const;
const pool = { size: [3, 2], stride: [2, 2], pads: { top: 1, bottom: 0, left: 0, right: 1 } } as const;

const unary: readonly Case[] = Object.entries({
  relu: tf.relu, relu6: tf.relu6, elu: tf.elu, selu: tf.selu, softplus: tf.softplus, sigmoid: tf.sigmoid,
  tanh: tf.tanh, exp: tf.exp, expm1: tf.expm1, neg: tf.neg, abs: tf.abs, square: tf.square, erf: tf.erf,
  sin: tf.sin, cos: tf.cos, sign: tf.sign, floor: tf.floor, ceil: tf.ceil, step: tf.step, softmax: tf.softmax,
  logSoftmax: tf.logSoftmax, sum: tf.sum, mean: tf.mean, tan: tf.tan, atan: tf.atan,
}).map(([name, fn]): Case => [name, (x) => (fn as (x: tf.Tensor) => tf.Tensor)(x as tf.Tensor), [image]]);

const cases: readonly Case[] = [
  ...unary,
  ...(['sqrt', 'rsqrt', 'log', 'log1p', 'reciprocal'] as const).map(
    (name): Case => [name, (x) => tf[name](x as tf.Tensor), [image], positive],
  ),
  ['round', (x) => tf.round(x as tf.Tensor), [image], halves],
  ['leakyRelu', (x) => tf.leakyRelu(x as tf.Tensor, 0.3), [image]],
  ['prelu', (x, a) => tf.prelu(x as tf.Tensor, a as tf.Tensor), [image, [4]]],
  ['clip', (x) => tf.clipByValue(x as tf.Tensor, -0.5, 0.4), [image]],
  ['step 0.2', (x) => tf.step(x as tf.Tensor, 0.2), [image], none],
  ...(['add', 'sub', 'mul', 'maximum', 'minimum', 'squaredDifference'] as const).flatMap((name): Case[] => [
    [`${name} of images`, (a, b) => tf[name](a as tf.Tensor, b as tf.Tensor), [image, image]],
    [`${name} by channel`, (a, b) => tf[name](a as tf.Tensor, b as tf.Tensor), [image, [4]], broadcast(name)],
    [`${name} by gate`, (a, b) => tf[name](a as tf.Tensor, b as tf.Tensor), [[2, 1, 1, 4], image], broadcast(name)],
    [`${name} by scalar`, (a, b) => tf[name](a as tf.Tensor, b as tf.Tensor), [image, []], broadcast(name)],
  ]),
  ['div', (a, b) => tf.div(a as tf.Tensor, b as tf.Tensor), [image, [4]], positive],
  ['pow', (a, b) => tf.pow(a as tf.Tensor, b as tf.Tensor), [[3, 4], [3, 4]], positive],
  ['floorDiv', (a, b) => tf.floorDiv(a as tf.Tensor, b as tf.Tensor), [[3, 4], [3, 4]], none],
  ['mod', (a, b) => tf.mod(a as tf.Tensor, b as tf.Tensor), [[3, 4], [3, 4]], none],
  ...(['add', 'sub', 'mul', 'maximum', 'minimum', 'div', 'floorDiv', 'mod'] as const).map(
    (name): Case => [`${name} of ints`, (a, b) => tf[name](a as tf.Tensor, b as tf.Tensor), [[5, 4], [5, 4]], ints],
  ),
  ...(['greater', 'greaterEqual', 'less', 'lessEqual', 'equal', 'notEqual'] as const).map(
    (name): Case => [name, (a, b) => tf.cast(tf[name](a as tf.Tensor, b as tf.Tensor), 'float32'), [[5, 4], [4]], halves],
  ),
  ['logical', (a, b) => {
    const [p, q] = [tf.greater(a as tf.Tensor, 0), tf.less(b as tf.Tensor, 0)];
    const all = [tf.logicalAnd(p, q), tf.logicalOr(p, q), tf.logicalNot(p), tf.logicalXor(p, q), tf.all(p, 1), tf.any(q)];
    return all.map((x) => tf.cast(x, 'int32'));
  }, [[5, 4], [5, 4]], none],
  ['bool result', (a) => tf.greater(a as tf.Tensor, 0.1), [[5, 4]], none],
  ['where', (a, b, c) => tf.where(tf.greater(c as tf.Tensor, 0), a as tf.Tensor, b as tf.Tensor), [image, image, image], { grads: 2 }],
  ['cast', (a) => [tf.cast(tf.mul(a as tf.Tensor, 9), 'int32'), tf.cast(tf.cast(a as tf.Tensor, 'bool'), 'float32')], [[5, 4]], none],
  ['addN', (a, b, c) => tf.addN([a, b, c] as tf.Tensor[]), [image, image, image]],
  ['reshape', (x) => tf.reshape(x as tf.Tensor, [2, 30, 4]), [image]],
  ['expandDims, squeeze', (x) => tf.squeeze(tf.expandDims(x as tf.Tensor, 1)), [[2, 1, 3]]],
  ['transpose', (x) => tf.transpose(x as tf.Tensor, [3, 0, 2, 1]), [image]],
  ['concat', (a, b) => tf.concat([a as tf.Tensor, b as tf.Tensor], 3), [image, [2, 5, 6, 3]]],
  ['stack, unstack', (a, b) => tf.unstack(tf.stack([a as tf.Tensor, b as tf.Tensor], 1), 2), [[2, 3], [2, 3]]],
  ['slice', (x) => tf.slice(x as tf.Tensor, [0, 1, 2, 1], [2, 3, -1, 2]), [image]],
  ['stridedSlice', (x) => tf.stridedSlice(x as tf.Tensor, [0, 4, 1, 0], [2, 0, 6, 4], [1, -2, 2, 3]), [image], none],
  ['split', (x) => tf.split(x as tf.Tensor, [1, 2, 3], 2), [image]],
  ['pad', (x) => tf.pad(x as tf.Tensor, [[0, 0], [1, 2], [0, 1], [2, 0]], 0.7), [image]],
  ['mirrorPad reflect', (x) => tf.mirrorPad(x as tf.Tensor, [[0, 0], [1, 2], [3, 1], [0, 0]], 'reflect'), [image], none],
  ['mirrorPad symmetric', (x) => tf.mirrorPad(x as tf.Tensor, [[1, 0], [2, 2], [0, 1], [0, 0]], 'symmetric'), [image], none],
  ['tile', (x) => tf.tile(x as tf.Tensor, [2, 1, 3]), [[2, 3, 2]]],
  ['broadcastTo', (x) => tf.broadcastTo(x as tf.Tensor, [3, 2, 4]), [[2, 1]]],
  ['reverse', (x) => tf.reverse(x as tf.Tensor, [1, 3]), [image]],
  ['gather', (x) => tf.gather(x as tf.Tensor, tf.tensor1d([2, 0, 2], 'int32'), 1), [[2, 3, 4]]],
  ['gather of rows', (x) => tf.gather(x as tf.Tensor, tf.tensor2d([[2, 0], [1, 2]], [2, 2], 'int32')), [[3, 4]]],
  ['oneHot', (x) => [tf.oneHot(x as tf.Tensor1D, 5), tf.oneHot(x as tf.Tensor1D, 4, 0.9, 0.1)], [[6]], { ...ints, prepare: (x) => Math.floor(x * 2 + 2) }],
  ['range, fill, like', (x) => [
    tf.add(x as tf.Tensor, tf.range(0, 4)), tf.fill([2, 3], 1.5), tf.zerosLike(x as tf.Tensor), tf.onesLike(x as tf.Tensor),
    tf.linspace(0, 1, 5),
  ], [[4]], none],
  ...(['sum', 'mean', 'max', 'min', 'prod'] as const).flatMap((name): Case[] => [
    [`${name} of height and width`, (x) => tf[name](x as tf.Tensor, [1, 2]), [image], differentiable(name)],
    [`${name} of channels, kept`, (x) => tf[name](x as tf.Tensor, 3, true), [image], differentiable(name)],
    [`${name} of the batch`, (x) => tf[name](x as tf.Tensor, 0), [image], differentiable(name)],
  ]),
  ['sum of ints', (x) => tf.sum(x as tf.Tensor, 1), [[3, 4]], ints],
  ['argMax, argMin', (x) => [tf.argMax(x as tf.Tensor, 2), tf.argMin(x as tf.Tensor, -1)], [image], halves],
  ['topk', (x) => { const { values, indices } = tf.topk(x as tf.Tensor, 3); return [values, indices]; }, [[4, 7]], halves],
  ['cumsum', (x) => tf.cumsum(x as tf.Tensor, 3, true, true), [image]],
  ['cumsum of rows', (x) => tf.cumsum(x as tf.Tensor, 1), [image], none],
  ['logSumExp', (x) => tf.logSumExp(x as tf.Tensor, 3), [image]],
  ['softmax cross-entropy', (x, y) => tf.losses.softmaxCrossEntropy(tf.softmax(y as tf.Tensor), x as tf.Tensor), [[4, 7], [4, 7]], { grads: 1 }],
  ['sigmoid cross-entropy', (x, y) => tf.losses.sigmoidCrossEntropy(tf.sigmoid(y as tf.Tensor), x as tf.Tensor), [[4, 7], [4, 7]], { grads: 1 }],
  ['huber', (x, y) => tf.losses.huberLoss(y as tf.Tensor, x as tf.Tensor), [[4, 7], [4, 7]], { grads: 1 }],
  ['matMul', (a, b) => tf.matMul(a as tf.Tensor, b as tf.Tensor), [[4, 7], [7, 3]]],
  ['matMul a^T b^T', (a, b) => tf.matMul(a as tf.Tensor, b as tf.Tensor, true, true), [[7, 4], [3, 7]]],
  ['matMul batched', (a, b) => tf.matMul(a as tf.Tensor, b as tf.Tensor, false, true), [[2, 4, 7], [2, 3, 7]]],
  ['fused matMul', (a, b, c) => tf.fused.matMul({ a: a as tf.Tensor, b: b as tf.Tensor, bias: c as tf.Tensor, activation: 'relu' }), [[4, 7], [7, 3], [3]]],
  ['conv2d same', (x, k) => tf.conv2d(as4(x as tf.Tensor), as4(k as tf.Tensor), 1, 'same'), [image, [3, 3, 4, 5]]],
  ['conv2d strided', (x, k) => tf.conv2d(as4(x as tf.Tensor), as4(k as tf.Tensor), 2, 'same'), [image, [3, 3, 4, 5]]],
  ['conv2d 1x1 strided', (x, k) => tf.conv2d(as4(x as tf.Tensor), as4(k as tf.Tensor), 2, 'valid'), [image, [1, 1, 4, 5]]],
  ['fused conv2d', (x, k, b) => tf.fused.conv2d({ x: as4(x as tf.Tensor), filter: as4(k as tf.Tensor), strides: 1, pad: 'same', bias: b as tf.Tensor, activation: 'relu6' }), [image, [3, 3, 4, 5], [5]]],
  ['depthwiseConv2d', (x, k) => tf.depthwiseConv2d(as4(x as tf.Tensor), as4(k as tf.Tensor), 1, 'same'), [image, [3, 3, 4, 1]]],
  ['depthwiseConv2d strided, doubled', (x, k) => tf.depthwiseConv2d(as4(x as tf.Tensor), as4(k as tf.Tensor), 2, 'same'), [image, [3, 3, 4, 2]]],
  ['stock maxPool', (x) => tf.maxPool(as4(x as tf.Tensor), 3, 2, 'same'), [image]],
  ['stock avgPool', (x) => tf.avgPool(as4(x as tf.Tensor), 3, 2, 'valid'), [image]],
  // with padding only forward: tf's cpu gradient divides by the whole window, its forward by what is no padding
  ['stock avgPool, padded', (x) => tf.avgPool(as4(x as tf.Tensor), 3, 2, 'same'), [image], none],
  ['batchNorm in inference', (x, m, v, o, s) => tf.batchNorm(x as tf.Tensor, m as tf.Tensor1D, v as tf.Tensor1D, o as tf.Tensor1D, s as tf.Tensor1D), [image, [4], [4], [4], [4]], positive],
  ['resizeBilinear', (x) => tf.image.resizeBilinear(as4(x as tf.Tensor), [9, 4]), [square]],
  ['resizeBilinear, corners', (x) => tf.image.resizeBilinear(as4(x as tf.Tensor), [9, 4], true), [square]],
  ['resizeBilinear, half pixels', (x) => tf.image.resizeBilinear(as4(x as tf.Tensor), [9, 4], false, true), [image], none],
  ['resizeNearestNeighbor', (x) => tf.image.resizeNearestNeighbor(as4(x as tf.Tensor), [10, 3]), [image]],
  ['our conv', (x, k) => conv(as4(x as tf.Tensor), as4(k as tf.Tensor), geometry), [image, [3, 3, 4, 6]]],
  ['our conv, 1x1', (x, k) => conv(as4(x as tf.Tensor), as4(k as tf.Tensor), { ...geometry, pads: { top: 0, bottom: 0, left: 0, right: 0 } }), [image, [1, 1, 4, 6]]],
  ['our conv, grouped', (x, k) => conv(as4(x as tf.Tensor), as4(k as tf.Tensor), { ...geometry, groups: 2 }), [image, [3, 3, 2, 6]]],
  ['our conv, strided', (x, k) => conv(as4(x as tf.Tensor), as4(k as tf.Tensor), { ...geometry, stride: [2, 2], pads: { top: 0, bottom: 1, left: 2, right: 0 } }), [image, [3, 3, 4, 6]]],
  ['our conv, grouped, strided, dilated', (x, k) => conv(as4(x as tf.Tensor), as4(k as tf.Tensor), { stride: [2, 1], dilation: [1, 2], pads: { top: 1, bottom: 0, left: 2, right: 1 }, groups: 2 }), [[2, 7, 6, 4], [3, 2, 2, 6]]],
  ['our conv, depthwise', (x, k) => conv(as4(x as tf.Tensor), as4(k as tf.Tensor), { ...geometry, groups: 4 }), [image, [3, 3, 1, 4]]],
  ['our conv, depthwise, strided', (x, k) => conv(as4(x as tf.Tensor), as4(k as tf.Tensor), { ...geometry, stride: [2, 2], groups: 4 }), [image, [3, 3, 1, 4]]],
  ['our conv, depthwise, strided, even', (x, k) => conv(as4(x as tf.Tensor), as4(k as tf.Tensor), { ...geometry, stride: [2, 2], pads: { top: 0, bottom: 1, left: 0, right: 1 }, groups: 3 }), [[2, 8, 8, 3], [3, 3, 1, 3]]],
  ['our conv, depthwise, 5x5, dilated', (x, k) => conv(as4(x as tf.Tensor), as4(k as tf.Tensor), { ...geometry, dilation: [2, 1], pads: { top: 4, bottom: 4, left: 2, right: 2 }, groups: 4 }), [image, [5, 5, 1, 4]]],
  ['our conv, depth multiplier', (x, k) => conv(as4(x as tf.Tensor), as4(k as tf.Tensor), { ...geometry, groups: 4 }), [image, [3, 3, 1, 8]]],
  ['our maxPool', (x) => maxPool(as4(x as tf.Tensor), pool), [image]],
  ['our maxPool with ties', (x) => maxPool(as4(x as tf.Tensor), pool), [image], { prepare: (x) => Math.round(x) }],
  ['our avgPool', (x) => avgPool(as4(x as tf.Tensor), pool), [image]],
  ['our avgPool, padding counted', (x) => avgPool(as4(x as tf.Tensor), pool, true), [image]],
  ['our batchNorm', (x, g, b) => { const n = batchNorm(x as tf.Tensor, g as tf.Tensor1D, b as tf.Tensor1D, 1e-3); return [n.y, n.mean, n.variance]; }, [image, [4], [4]]],
  ['our batchNorm of vectors', (x, g, b) => batchNorm(x as tf.Tensor, g as tf.Tensor1D, b as tf.Tensor1D, 1e-3).y, [[6, 4], [4], [4]]],
  ['our batchNorm, plain', (x) => batchNorm(x as tf.Tensor, undefined, undefined, 1e-3).y, [image]],
];

describe('traced kernels agree with eager ones', () => {
  before(async () => {
    await tf.setBackend('cpu');
  });
  for (const [name, fn, shapes, options = {}] of cases) {
    it(name, async () => {
      const inputs = shapes.map((shape, i) => {
        const values = numbers(shape.reduce((a, b) => a * b, 1), i + 1).map(options.prepare ?? ((x) => x));
        return tf.tensor(values, [...shape], options.dtype ?? 'float32');
      });
      const count = options.grads ?? shapes.length;
      const whole = count > 0 ? withGradients(fn, count) : fn;
      await expectAgreement(whole, inputs, options.bound);
      await expectAgreement(whole, inputs, options.bound, false);
      tf.dispose(inputs);
    });
  }
});
