/** @file Single ops in tensors of tf, by the names of scripts/reference/gradients.py, which has them in PyTorch. */
import * as tf from '@tensorflow/tfjs-core';
import type {
  Activation,
  Attention,
  ConvTranspose,
  Op,
  Padding,
  Pair,
  Resize,
  Slot,
} from '../../src/graph/index.ts';
import { activations, isStatistic } from '../../src/graph/index.ts';
import { magnitude } from '../../src/kernels/index.ts';
import { apply } from '../../src/read/tfjs/apply.ts';
import { conv, pool } from './ops.ts';

export type TensorFn = (...x: tf.Tensor[]) => tf.Tensor;

/** An op whose last inputs are its weights, in the order of `slots`. */
const op =
  (of: Op, slots: readonly Slot[] = [], training = false): TensorFn =>
  (...x) => {
    const weights = x.slice(x.length - slots.length);
    return apply(of, x.slice(0, x.length - slots.length), {
      training,
      weight: (slot) => {
        if (slots.includes(slot)) return weights[slots.indexOf(slot)];
        return isStatistic(slot) && weights[0] ? tf.zerosLike(weights[0]) : undefined; // blended, and read by nobody
      },
      noise: () => {
        throw new Error('these ops draw nothing');
      },
      keep: () => undefined,
    });
  };

const convOf = (o: object, ...slots: Slot[]): TensorFn => op(conv({ out: 4, ...o }), ['kernel', ...slots]);
const depthwise = { groups: 4 };
const norm: Op = { kind: 'norm', eps: 1e-3, momentum: 0.9, scale: true, offset: true };
/** The last input is v; the variance is v v + 0.5. */
const byKept: TensorFn = (...x) =>
  op(norm, ['gamma', 'beta', 'mean', 'variance'])(
    ...x.slice(0, -1),
    tf.add(tf.square(x.at(-1) as tf.Tensor), 0.5),
  );
const poolOf = (fn: 'max' | 'avg', size: Pair, padding: Padding): TensorFn =>
  op(pool({ fn, size, stride: [2, 2], padding }));
const one: Pair = [1, 1];
const two: Pair = [2, 2];
const three: Pair = [3, 3];

const layerNorm = (affine: boolean): TensorFn =>
  op({ kind: 'layerNorm', eps: 1e-3, scale: affine, offset: affine }, affine ? ['gamma', 'beta'] : []);
const groupNorm = (groups: number, affine: boolean): TensorFn =>
  op(
    { kind: 'groupNorm', groups, eps: 1e-3, scale: affine, offset: affine },
    affine ? ['gamma', 'beta'] : [],
  );
const transposed = (o: Partial<ConvTranspose>, ...slots: Slot[]): TensorFn => {
  const usual = { kernel: three, stride: one, dilation: one, groups: 1, bias: false } as const;
  const rest = { out: 4, padding: 'same', outputPadding: [0, 0] } as const;
  return op({ kind: 'convTranspose', ...usual, ...rest, ...o }, ['kernel', ...slots]);
};
const resize = (size: Pair, fn: Resize['fn'], align: Resize['align']): TensorFn =>
  op({ kind: 'resize', size, fn, align });

const attention = (o: Partial<Attention>): TensorFn => {
  const usual = { form: 'softmax', heads: 2, scale: 0.7, eps: 0, bias: false } as const;
  const of: Attention = { kind: 'attention', ...usual, within: 'whole', size: one, ...o };
  if (of.form === 'covariance') return op(of, ['gamma']);
  return op(of, of.talking ? ['kernel', 'bias', 'beta'] : of.bias ? ['bias'] : []);
};

const graphOps: Readonly<Record<string, TensorFn>> = {
  magnitude: (x) => magnitude(x as tf.Tensor),
  conv: convOf({ bias: true }, 'bias'),
  'conv, stride 2': convOf({ stride: two, bias: true }, 'bias'),
  'conv, stride 2 and padding of its own': convOf({ stride: two, padding: [1, 2, 1, 0] }),
  'conv, dilated': convOf({ dilation: two }),
  'conv, grouped': convOf({ groups: 2 }),
  'conv, depthwise': convOf(depthwise),
  'conv, depthwise, stride 2': convOf({ ...depthwise, stride: two }),
  'conv, pointwise': convOf({ kernel: [1, 1] }),
  dense: op({ kind: 'dense', out: 4, bias: true }, ['kernel', 'bias']),
  norm: op(norm, ['gamma', 'beta'], true),
  'norm of vectors': op(norm, ['gamma', 'beta'], true),
  'norm by kept statistics': byKept,
  'norm of vectors by kept statistics': byKept,
  ...Object.fromEntries(activations.map((fn: Activation) => [`act ${fn}`, op({ kind: 'act', fn })] as const)),
  'max pool': poolOf('max', two, 'valid'),
  'max pool, overlapping and padded': poolOf('max', three, 'same'),
  'max pool, padding of its own': poolOf('max', three, [0, 1, 1, 0]),
  'average pool': poolOf('avg', two, 'valid'),
  'average pool, overlapping and padded': poolOf('avg', three, 'same'),
  'global average pool': op({ kind: 'globalPool', fn: 'avg' }),
  'global max pool': op({ kind: 'globalPool', fn: 'max' }),
  maxout: op({ kind: 'maxout', pieces: 3 }),
  'maxout of vectors': op({ kind: 'maxout', pieces: 2 }),
  add: op({ kind: 'add' }),
  mul: op({ kind: 'mul' }),
  'mul by a gate': op({ kind: 'mul' }),
  'mul of a value by itself': (x) => op({ kind: 'mul' })(x as tf.Tensor, x as tf.Tensor),
  'concat of a value twice, and another': (x, y) =>
    op({ kind: 'concat' })(x as tf.Tensor, x as tf.Tensor, y as tf.Tensor),
  slice: op({ kind: 'slice', from: 1, to: 4 }),
  shuffle: op({ kind: 'shuffle', groups: 2 }),
  permute: op({ kind: 'permute', order: [2, 0, 3, 1] }),
  flatten: op({ kind: 'flatten' }),
  shift: op({ kind: 'shift', kernel: 3 }),
  ...Object.fromEntries(
    ([2, 3] as const).flatMap((factor) =>
      (['nearest', 'bilinear'] as const).map(
        (fn) => [`${fn} upsampling by ${factor}`, op({ kind: 'upsample', factor, fn })] as const,
      ),
    ),
  ),
  layerNorm: layerNorm(true),
  'layerNorm of vectors': layerNorm(true),
  'layerNorm without scale and offset': layerNorm(false),
  pad: op({ kind: 'pad', pads: [1, 2, 0, -1] }),
  groupNorm: groupNorm(1, true),
  'groupNorm of two groups': groupNorm(2, true),
  'groupNorm of two groups, without scale and offset': groupNorm(2, false),
  responseNorm: op({ kind: 'responseNorm', eps: 1e-3 }, ['gamma', 'beta']),
  scale: op({ kind: 'scale', initial: 1 }, ['gamma']),
  'scale of vectors': op({ kind: 'scale', initial: 1 }, ['gamma']),
  convTranspose: transposed({ bias: true }, 'bias'),
  'convTranspose, stride 2': transposed({ kernel: two, stride: two, bias: true }, 'bias'),
  'convTranspose, stride 2, overlapping': transposed({
    stride: two,
    padding: [1, 1, 1, 1],
    outputPadding: [1, 1],
  }),
  'convTranspose, grouped and dilated': transposed({
    stride: two,
    dilation: two,
    groups: 2,
    kernel: two,
    padding: [1, 1, 0, 0],
  }),
  'convTranspose, depthwise': transposed({ kernel: [4, 4], stride: two, groups: 4, bias: true }, 'bias'),
  pixelShuffle: op({ kind: 'pixelShuffle', factor: 2 }),
  resize: resize([5, 6], 'bilinear', 'centres'),
  'resize, corners aligned': resize([5, 6], 'bilinear', 'corners'),
  'resize to less': resize([3, 4], 'bilinear', 'centres'),
  'resize, nearest': resize([5, 6], 'nearest', 'edges'),
  'resize, nearest by centres': resize([5, 6], 'nearest', 'centres'),
  attention: attention({}),
  'attention of shared keys, fewer': attention({}),
  'attention with a bias': attention({ bias: true }),
  'attention with a bias, strided': attention({ bias: true }),
  'attention in windows with a bias': attention({ bias: true, within: 'windows', size: [2, 1] }),
  'attention in a grid': attention({ within: 'grid', size: [2, 1] }),
  'attention with talking heads': attention({ bias: true, talking: true }),
  'separable attention': attention({ form: 'separable', heads: 1, scale: 1 }),
  'separable attention in a grid': attention({ form: 'separable', scale: 1, within: 'grid', size: [2, 1] }),
  'attention over channels': attention({ form: 'covariance', scale: 1, eps: 1e-12 }),
  'attention over channels, fewer in q': attention({ form: 'covariance', scale: 1, eps: 1e-12 }),
  positions: op({ kind: 'positions', features: 8, temperature: 100 }, ['kernel', 'bias']),
  'linear attention': (q, k, v) =>
    attention({ form: 'linear', scale: 1, eps: 0.5 })(
      tf.relu(q as tf.Tensor),
      tf.relu(k as tf.Tensor),
      v as tf.Tensor,
    ),
  quantize: op({ kind: 'quantize', scale: 0.25, zero: 1, bits: 3, signed: true }),
};

const mirrored = (rows: [number, number], columns: [number, number]): [number, number][] => [
  [0, 0],
  rows,
  columns,
  [0, 0],
];

type Unary = (x: tf.Tensor) => tf.Tensor;
const unary: Readonly<Record<string, Unary>> = {
  abs: tf.abs,
  square: tf.square,
  exp: tf.exp,
  expm1: tf.expm1,
  log: tf.log,
  log1p: tf.log1p,
  sqrt: tf.sqrt,
  rsqrt: tf.rsqrt,
  reciprocal: tf.reciprocal,
  neg: tf.neg,
  elu: tf.elu,
  selu: tf.selu,
  softplus: tf.softplus,
  sigmoid: tf.sigmoid,
  tanh: tf.tanh,
  erf: tf.erf,
  sin: tf.sin,
  cos: tf.cos,
  tan: tf.tan,
  asin: tf.asin,
  acos: tf.acos,
  atan: tf.atan,
  sinh: tf.sinh,
  cosh: tf.cosh,
  leakyRelu: (x) => tf.leakyRelu(x, 0.25),
  clipByValue: (x) => tf.clipByValue(x, -0.5, 0.5),
  sign: tf.sign,
  floor: tf.floor,
  ceil: tf.ceil,
  round: tf.round,
  logSoftmax: tf.logSoftmax,
  logSumExp: (x) => tf.logSumExp(x, -1),
  cumsum: (x) => tf.cumsum(x, 3),
  'cumsum of rows': (x) => tf.cumsum(x, 1),
  'cumsum of rows backwards without the own': (x) => tf.cumsum(x, 1, true, true),
  reverse: (x) => tf.reverse(x, [1, 2]),
  transpose: (x) => tf.transpose(x, [3, 0, 2, 1]),
  tile: (x) => tf.tile(x, [1, 2, 1, 3]),
  pad: (x) =>
    tf.pad(x, [
      [0, 0],
      [0, 0],
      [2, 0],
      [0, 1],
    ]),
  unstack: (x) => tf.unstack(x, 2)[1] as tf.Tensor,
  split: (x) => tf.split(x, [1, 3], 2)[1] as tf.Tensor,
  'max of all': (x) => tf.max(x),
  'max of rows': (x) => tf.max(x, 2),
  'max of rows, kept': (x) => tf.max(x, 2, true),
  'min of all': (x) => tf.min(x),
  'min of rows and columns': (x) => tf.min(x, [1, 2]),
  sum: (x) => tf.sum(x, [0, 2]),
  mean: (x) => tf.mean(x, [0, 2]),
  gather: (x) => tf.gather(x, tf.tensor1d([2, 0, 2, 3], 'int32'), 2),
  step: tf.step,
  argMax: (x) => tf.cast(tf.argMax(x, 2), 'float32'),
  argMin: (x) => tf.cast(tf.argMin(x, 2), 'float32'),
  isNaN: (x) => tf.cast(tf.isNaN(x), 'float32'),
  zerosLike: tf.zerosLike,
  onesLike: tf.onesLike,
  expandDims: (x) => tf.expandDims(x, 1),
  'prod of all': (x) => tf.prod(x),
  'prod of rows': (x) => tf.prod(x, 2),
  'prod of rows and columns, kept': (x) => tf.prod(x, [1, 2], true),
  'mirrorPad that repeats the edge': (x) => tf.mirrorPad(x, mirrored([1, 2], [2, 0]), 'symmetric'),
  'mirrorPad that leaves it out': (x) => tf.mirrorPad(x, mirrored([1, 1], [2, 0]), 'reflect'),
  'gather of images': (x) => tf.gather(x, tf.tensor1d([2, 0, 2, 2, 1], 'int32')),
};

type Binary = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;
const binary: Readonly<Record<string, Binary>> = {
  add: tf.add,
  sub: tf.sub,
  mul: tf.mul,
  div: tf.div,
  maximum: tf.maximum,
  minimum: tf.minimum,
  squaredDifference: tf.squaredDifference,
  pow: tf.pow,
  mod: tf.mod,
  floorDiv: tf.floorDiv,
};
const turns = [
  ['', false, false],
  [', b turned', false, true],
  [', a turned', true, false],
  [', a turned, b turned', true, true],
] as const;
const products = Object.fromEntries(
  ['', ' of one matrix', ' by one matrix'].flatMap((which) =>
    turns.map(([how, ta, tb]): [string, TensorFn] => [
      `tf.matMul${which}${how}`,
      (a, b) => tf.matMul(a as tf.Tensor, b as tf.Tensor, ta, tb),
    ]),
  ),
);

const resizeTo: [number, number] = [5, 7];
const others: Readonly<Record<string, TensorFn>> = {
  'tf.prelu': (x, a) => tf.prelu(x as tf.Tensor, a as tf.Tensor),
  'tf.pow at 0': (a, b) => tf.pow(a as tf.Tensor, tf.abs(b as tf.Tensor)),
  'tf.where': (a, b, c) => tf.where(tf.greater(c as tf.Tensor, 0), a as tf.Tensor, b as tf.Tensor),
  'tf.greaterEqual': (a, b) => tf.cast(tf.greaterEqual(a as tf.Tensor, b as tf.Tensor), 'float32'),
  'tf.addN': (...x) => tf.addN(x),
  'tf.stack': (...x) => tf.stack(x, 1),
  'tf.broadcastTo': (x) => tf.broadcastTo(x as tf.Tensor, [2, 3, 4, 2]),
  'tf.unsortedSegmentSum': (x) =>
    tf.unsortedSegmentSum(x as tf.Tensor, tf.tensor1d([2, 0, 2, 3, 0, -1], 'int32'), 4),
  'tf.batchNorm': (x, gamma, beta, mean, v) =>
    tf.batchNorm(
      x as tf.Tensor4D,
      mean as tf.Tensor1D,
      tf.add(tf.square(v as tf.Tensor1D), 0.5),
      beta as tf.Tensor1D,
      gamma as tf.Tensor1D,
      1e-3,
    ),
  'tf.conv2d': (x, k) => tf.conv2d(x as tf.Tensor4D, k as tf.Tensor4D, 2, 'same'),
  'tf.depthwiseConv2d': (x, k) => tf.depthwiseConv2d(x as tf.Tensor4D, k as tf.Tensor4D, 2, 'same'),
  'tf.fused.conv2d': (x, filter, bias) =>
    tf.fused.conv2d({
      x: x as tf.Tensor4D,
      filter: filter as tf.Tensor4D,
      bias: bias as tf.Tensor,
      strides: 2,
      pad: 'same',
    }),
  'tf.fused.depthwiseConv2d': (x, filter, bias) =>
    tf.fused.depthwiseConv2d({
      x: x as tf.Tensor4D,
      filter: filter as tf.Tensor4D,
      bias: bias as tf.Tensor,
      strides: 1,
      pad: 'same',
    }),
  'tf.fused.matMul': (a, b, bias) =>
    tf.fused.matMul({ a: a as tf.Tensor, b: b as tf.Tensor, bias: bias as tf.Tensor }),
  'tf.conv2dTranspose': (x, k) =>
    tf.conv2dTranspose(x as tf.Tensor4D, k as tf.Tensor4D, [3, 5, 7, 4], 2, 'valid'),
  'tf.maxPool': (x) => tf.maxPool(x as tf.Tensor4D, 3, 2, 'same'),
  'tf.avgPool': (x) => tf.avgPool(x as tf.Tensor4D, 3, 2, 'same'),
  'tf.image.resizeBilinear': (x) => tf.image.resizeBilinear(x as tf.Tensor4D, resizeTo, false, true),
  'tf.image.resizeBilinear, corners aligned': (x) =>
    tf.image.resizeBilinear(x as tf.Tensor4D, resizeTo, true),
  'tf.image.resizeNearestNeighbor': (x) =>
    tf.image.resizeNearestNeighbor(x as tf.Tensor4D, resizeTo, false, true),
  'tf.losses.softmaxCrossEntropy': (x, y) =>
    tf.losses.softmaxCrossEntropy(tf.softmax(y as tf.Tensor), x as tf.Tensor),
  'tf.losses.sigmoidCrossEntropy': (x, y) =>
    tf.losses.sigmoidCrossEntropy(tf.sigmoid(y as tf.Tensor), x as tf.Tensor),
  'tf.losses.huberLoss': (x, y) => tf.losses.huberLoss(y as tf.Tensor, x as tf.Tensor),
  'tf.losses.meanSquaredError': (x, y) => tf.losses.meanSquaredError(y as tf.Tensor, x as tf.Tensor),
};

/** Every op that is held to PyTorch, by name. */
export const gradientCases: Readonly<Record<string, TensorFn>> = {
  ...graphOps,
  ...Object.fromEntries(
    Object.entries(unary).map(([name, fn]): [string, TensorFn] => [`tf.${name}`, (x) => fn(x as tf.Tensor)]),
  ),
  ...Object.fromEntries(
    Object.entries(binary).flatMap(([name, fn]) =>
      ['', ' by channel', ' of a column'].map((how): [string, TensorFn] => [
        `tf.${name}${how}`,
        (a, b) => fn(a as tf.Tensor, b as tf.Tensor),
      ]),
    ),
  ),
  ...products,
  ...others,
};
