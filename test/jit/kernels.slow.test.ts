/** @file The law of agreement, kernel by kernel: arithmetic, activations, reductions, and what moves values. */

import * as tf from '@tensorflow/tfjs-core';
import { battery, type Case, type Options } from './battery.ts';

const ops = tf; // by name
const image = [2, 5, 6, 4];
const positive: Options = { prepare: (x) => Math.abs(x) + 0.1 };
const ints: Options = { grads: 0, dtype: 'int32', prepare: (x) => Math.round(x * 9) || 1 };
const none: Options = { grads: 0 };
const halves: Options = { grads: 0, prepare: (x) => Math.round(x * 4) / 2 };

const unary: readonly Case[] = Object.entries({
  relu: tf.relu,
  relu6: tf.relu6,
  elu: tf.elu,
  selu: tf.selu,
  softplus: tf.softplus,
  sigmoid: tf.sigmoid,
  tanh: tf.tanh,
  exp: tf.exp,
  expm1: tf.expm1,
  neg: tf.neg,
  abs: tf.abs,
  square: tf.square,
  erf: tf.erf,
  sin: tf.sin,
  cos: tf.cos,
  sign: tf.sign,
  floor: tf.floor,
  ceil: tf.ceil,
  step: tf.step,
  softmax: tf.softmax,
  logSoftmax: tf.logSoftmax,
  sum: tf.sum,
  mean: tf.mean,
  tan: tf.tan,
  atan: tf.atan,
}).map(([name, fn]): Case => [name, (x) => (fn as (x: tf.Tensor) => tf.Tensor)(x as tf.Tensor), [image]]);
const cases: readonly Case[] = [
  ...unary,
  ...(['sqrt', 'rsqrt', 'log', 'log1p', 'reciprocal'] as const).map(
    (name): Case => [name, (x) => ops[name](x as tf.Tensor), [image], positive],
  ),
  ['round', (x) => tf.round(x as tf.Tensor), [image], halves],
  ['leakyRelu', (x) => tf.leakyRelu(x as tf.Tensor, 0.3), [image]],
  ['prelu', (x, a) => tf.prelu(x as tf.Tensor, a as tf.Tensor), [image, [4]]],
  ['clip', (x) => tf.clipByValue(x as tf.Tensor, -0.5, 0.4), [image]],
  ['step 0.2', (x) => tf.step(x as tf.Tensor, 0.2), [image], none],
  ...(['add', 'sub', 'mul', 'maximum', 'minimum', 'squaredDifference'] as const).flatMap((name): Case[] => [
    [`${name} of images`, (a, b) => ops[name](a as tf.Tensor, b as tf.Tensor), [image, image]],
    [`${name} by channel`, (a, b) => ops[name](a as tf.Tensor, b as tf.Tensor), [image, [4]]],
    [`${name} by gate`, (a, b) => ops[name](a as tf.Tensor, b as tf.Tensor), [[2, 1, 1, 4], image]],
    [`${name} by scalar`, (a, b) => ops[name](a as tf.Tensor, b as tf.Tensor), [image, []]],
  ]),
  ['div', (a, b) => tf.div(a as tf.Tensor, b as tf.Tensor), [image, [4]], positive],
  [
    'pow',
    (a, b) => tf.pow(a as tf.Tensor, b as tf.Tensor),
    [
      [3, 4],
      [3, 4],
    ],
    positive,
  ],
  [
    'floorDiv',
    (a, b) => tf.floorDiv(a as tf.Tensor, b as tf.Tensor),
    [
      [3, 4],
      [3, 4],
    ],
    none,
  ],
  [
    'mod',
    (a, b) => tf.mod(a as tf.Tensor, b as tf.Tensor),
    [
      [3, 4],
      [3, 4],
    ],
    none,
  ],
  ...(['add', 'sub', 'mul', 'maximum', 'minimum', 'div', 'floorDiv', 'mod'] as const).map(
    (name): Case => [
      `${name} of ints`,
      (a, b) => ops[name](a as tf.Tensor, b as tf.Tensor),
      [
        [5, 4],
        [5, 4],
      ],
      ints,
    ],
  ),
  ...(['greater', 'greaterEqual', 'less', 'lessEqual', 'equal', 'notEqual'] as const).map(
    (name): Case => [
      name,
      (a, b) => tf.cast(ops[name](a as tf.Tensor, b as tf.Tensor), 'float32'),
      [[5, 4], [4]],
      halves,
    ],
  ),
  [
    'logical',
    (a, b) => {
      const [p, q] = [tf.greater(a as tf.Tensor, 0), tf.less(b as tf.Tensor, 0)];
      const all = [
        tf.logicalAnd(p, q),
        tf.logicalOr(p, q),
        tf.logicalNot(p),
        tf.logicalXor(p, q),
        tf.all(p, 1),
        tf.any(q),
      ];
      return all.map((x) => tf.cast(x, 'int32'));
    },
    [
      [5, 4],
      [5, 4],
    ],
    none,
  ],
  ['bool result', (a) => tf.greater(a as tf.Tensor, 0.1), [[5, 4]], none],
  [
    'where',
    (a, b, c) => tf.where(tf.greater(c as tf.Tensor, 0), a as tf.Tensor, b as tf.Tensor),
    [image, image, image],
    { grads: 2 },
  ],
  [
    'cast',
    (a) => [tf.cast(tf.mul(a as tf.Tensor, 9), 'int32'), tf.cast(tf.cast(a as tf.Tensor, 'bool'), 'float32')],
    [[5, 4]],
    none,
  ],
  ['addN', (a, b, c) => tf.addN([a, b, c] as tf.Tensor[]), [image, image, image]],
  ['reshape', (x) => tf.reshape(x as tf.Tensor, [2, 30, 4]), [image]],
  ['expandDims, squeeze', (x) => tf.squeeze(tf.expandDims(x as tf.Tensor, 1)), [[2, 1, 3]]],
  ['transpose', (x) => tf.transpose(x as tf.Tensor, [3, 0, 2, 1]), [image]],
  ['concat', (a, b) => tf.concat([a as tf.Tensor, b as tf.Tensor], 3), [image, [2, 5, 6, 3]]],
  [
    'stack, unstack',
    (a, b) => tf.unstack(tf.stack([a as tf.Tensor, b as tf.Tensor], 1), 2),
    [
      [2, 3],
      [2, 3],
    ],
  ],
  ['slice', (x) => tf.slice(x as tf.Tensor, [0, 1, 2, 1], [2, 3, -1, 2]), [image]],
  [
    'stridedSlice',
    (x) => tf.stridedSlice(x as tf.Tensor, [0, 4, 1, 0], [2, 0, 6, 4], [1, -2, 2, 3]),
    [image],
    none,
  ],
  ['split', (x) => tf.split(x as tf.Tensor, [1, 2, 3], 2), [image]],
  [
    'pad',
    (x) =>
      tf.pad(
        x as tf.Tensor,
        [
          [0, 0],
          [1, 2],
          [0, 1],
          [2, 0],
        ],
        0.7,
      ),
    [image],
  ],
  [
    'mirrorPad reflect',
    (x) =>
      tf.mirrorPad(
        x as tf.Tensor,
        [
          [0, 0],
          [1, 2],
          [3, 1],
          [0, 0],
        ],
        'reflect',
      ),
    [image],
  ],
  [
    'mirrorPad symmetric',
    (x) =>
      tf.mirrorPad(
        x as tf.Tensor,
        [
          [1, 0],
          [2, 2],
          [0, 1],
          [0, 0],
        ],
        'symmetric',
      ),
    [image],
  ],
  ['tile', (x) => tf.tile(x as tf.Tensor, [2, 1, 3]), [[2, 3, 2]]],
  ['broadcastTo', (x) => tf.broadcastTo(x as tf.Tensor, [3, 2, 4]), [[2, 1]]],
  ['reverse', (x) => tf.reverse(x as tf.Tensor, [1, 3]), [image]],
  ['gather', (x) => tf.gather(x as tf.Tensor, tf.tensor1d([2, 0, 2], 'int32'), 1), [[2, 3, 4]]],
  [
    'gather of rows',
    (x) =>
      tf.gather(
        x as tf.Tensor,
        tf.tensor2d(
          [
            [2, 0],
            [1, 2],
          ],
          [2, 2],
          'int32',
        ),
      ),
    [[3, 4]],
  ],
  [
    'oneHot',
    (x) => [tf.oneHot(x as tf.Tensor1D, 5), tf.oneHot(x as tf.Tensor1D, 4, 0.9, 0.1)],
    [[6]],
    { ...ints, prepare: (x) => Math.floor(x * 2 + 2) },
  ],
  [
    'range, fill, like',
    (x) => [
      tf.add(x as tf.Tensor, tf.range(0, 4)),
      tf.fill([2, 3], 1.5),
      tf.zerosLike(x as tf.Tensor),
      tf.onesLike(x as tf.Tensor),
      tf.linspace(0, 1, 5),
    ],
    [[4]],
    none,
  ],
  ...(['sum', 'mean', 'max', 'min', 'prod'] as const).flatMap((name): Case[] => [
    [`${name} of height and width`, (x) => ops[name](x as tf.Tensor, [1, 2]), [image]],
    [`${name} of channels, kept`, (x) => ops[name](x as tf.Tensor, 3, true), [image]],
    [`${name} of the batch`, (x) => ops[name](x as tf.Tensor, 0), [image]],
  ]),
  ['sum of ints', (x) => tf.sum(x as tf.Tensor, 1), [[3, 4]], ints],
  ['argMax, argMin', (x) => [tf.argMax(x as tf.Tensor, 2), tf.argMin(x as tf.Tensor, -1)], [image], halves],
  [
    'topk',
    (x) => {
      const { values, indices } = tf.topk(x as tf.Tensor, 3);
      return [values, indices];
    },
    [[4, 7]],
    halves,
  ],
  ['cumsum', (x) => tf.cumsum(x as tf.Tensor, 3, true, true), [image]],
  ['cumsum of rows', (x) => tf.cumsum(x as tf.Tensor, 1), [image]],
  ['logSumExp', (x) => tf.logSumExp(x as tf.Tensor, 3), [image]],
  [
    'softmax cross-entropy',
    (x, y) => tf.losses.softmaxCrossEntropy(tf.softmax(y as tf.Tensor), x as tf.Tensor),
    [
      [4, 7],
      [4, 7],
    ],
    { grads: 1 },
  ],
  [
    'sigmoid cross-entropy',
    (x, y) => tf.losses.sigmoidCrossEntropy(tf.sigmoid(y as tf.Tensor), x as tf.Tensor),
    [
      [4, 7],
      [4, 7],
    ],
    { grads: 1 },
  ],
  [
    'huber',
    (x, y) => tf.losses.huberLoss(y as tf.Tensor, x as tf.Tensor),
    [
      [4, 7],
      [4, 7],
    ],
    { grads: 1 },
  ],
];

battery('traced kernels agree with eager ones', cases);
