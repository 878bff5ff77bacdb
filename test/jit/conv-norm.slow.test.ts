/** @file The law of agreement where ops share work: strided gradients made phase by phase, a conv and the norm behind it. */

import * as tf from '@tensorflow/tfjs-core';
import { batchNorm, conv } from '../../src/kernels/index.ts';
import { battery, type Case } from './battery.ts';
import { as4, type Geometry, geometry, wideCase } from './wide.ts';

const even = { top: 0, bottom: 1, left: 0, right: 1 };
const strided = { ...geometry, stride: [2, 2], pads: even } as const;
const half = { ...geometry, stride: [2, 2], pads: { top: 0, bottom: 0, left: 0, right: 0 } } as const;
const add = (a: tf.Tensor, b: tf.Tensor): tf.Tensor => tf.add(a, b);
/** Two convs of one image, whose gradients meet. */
const two = (name: string, a: readonly number[], g: Geometry, b: readonly number[], h: Geometry): Case => [
  name,
  (x, k, l) => {
    const image = as4(tf.tanh(x as tf.Tensor));
    return add(conv(image, as4(k as tf.Tensor), g), conv(image, as4(l as tf.Tensor), h));
  },
  [[2, 8, 6, 16], a, b],
];
/** Strides that part the image: its gradient is made phase by phase. */
const phased: readonly Case[] = [
  wideCase('phases, padded behind', [2, 8, 6, 16], [3, 3, 16, 32], { stride: [2, 2], pads: even }),
  wideCase('phases, padded on all sides', [2, 8, 6, 16], [3, 3, 16, 32], { stride: [2, 2] }),
  wideCase('phases, 5x5 by 2', [2, 8, 6, 16], [5, 5, 16, 16], {
    stride: [2, 2],
    pads: { top: 2, bottom: 2, left: 2, right: 2 },
  }),
  wideCase('phases, 2x3 by 3 and 1', [2, 9, 6, 16], [2, 3, 16, 16], {
    stride: [3, 1],
    pads: { top: 0, bottom: 0, left: 1, right: 1 },
  }),
  wideCase('phases, some empty', [2, 8, 6, 16], [1, 1, 16, 32], half),
  wideCase('phases, pads larger than a tap', [2, 8, 6, 16], [3, 3, 16, 16], {
    stride: [2, 2],
    pads: { top: 3, bottom: 2, left: 3, right: 2 },
  }),
  wideCase('phases, depthwise', [2, 8, 6, 32], [3, 3, 1, 32], { stride: [2, 2], pads: even, groups: 32 }),
  wideCase('phases, groups of eight', [2, 8, 6, 32], [3, 3, 8, 32], { stride: [2, 2], groups: 4 }),
  two('phases of two convs of one image', [3, 3, 16, 32], strided, [1, 1, 16, 32], half),
  two('phases of two convs, the larger one last', [1, 1, 16, 32], half, [3, 3, 16, 32], strided),
  two('phases of two convs that leave places empty', [1, 1, 16, 32], half, [1, 1, 16, 32], half),
];
/** A conv and a norm behind it, of images enough that the conv takes the mean away. */
const normed = (
  name: string,
  x: readonly number[],
  kernel: readonly number[],
  plus: Partial<Geometry> = {},
  after: (y: tf.Tensor, norm: (y: tf.Tensor) => tf.Tensor) => tf.Tensor | tf.Tensor[] = (y, norm) => norm(y),
): Case => {
  const out = kernel[3] as number;
  const fn: Case[1] = (x, k, gamma, beta) => {
    const y = conv(as4(x as tf.Tensor), as4(k as tf.Tensor), { ...geometry, ...plus });
    return after(y, (z) => tf.relu(batchNorm(z, gamma as tf.Tensor1D, beta as tf.Tensor1D, 1e-3).y));
  };
  return [`conv and norm, ${name}`, fn, [x, kernel, [out], [out]], { bound: 2e-5 }];
};
const pointwise = { pads: { top: 0, bottom: 0, left: 0, right: 0 } };
const convNorms: readonly Case[] = [
  normed('full', [8, 6, 5, 16], [3, 3, 16, 16]),
  normed('of few channels', [8, 6, 5, 3], [3, 3, 3, 32]),
  normed('pointwise', [8, 6, 5, 16], [1, 1, 16, 64], pointwise),
  normed('pointwise, to few', [8, 6, 5, 64], [1, 1, 64, 16], pointwise),
  normed('depthwise', [8, 6, 5, 32], [3, 3, 1, 32], { groups: 32 }),
  normed('groups of four', [8, 6, 5, 16], [3, 3, 4, 16], { groups: 4 }),
  normed('groups of eight', [8, 6, 5, 32], [3, 3, 8, 32], { groups: 4 }),
  normed('strided', [8, 8, 6, 16], [3, 3, 16, 32], { stride: [2, 2], pads: even }),
  normed('read by another as well', [8, 6, 5, 16], [3, 3, 16, 16], {}, (y, norm) => add(norm(y), y)),
  normed('two norms', [8, 6, 5, 16], [3, 3, 16, 16], {}, (y, norm) =>
    add(norm(y), tf.tanh(norm(tf.mul(y, 2)))),
  ),
  normed('a branch beside it', [8, 6, 5, 16], [3, 3, 16, 16], {}, (y, norm) =>
    norm(add(norm(y), tf.sigmoid(y))),
  ),
  [
    'conv and norm, far from zero, with its statistics',
    (x, k, gamma, beta) => {
      const y = conv(as4(x as tf.Tensor), as4(k as tf.Tensor), geometry);
      const norm = batchNorm(y, gamma as tf.Tensor1D, beta as tf.Tensor1D, 1e-3);
      return [norm.y, norm.mean, norm.variance];
    },
    [[8, 6, 5, 16], [3, 3, 16, 32], [32], [32]],
    { grads: 0, prepare: (v) => v + 3 },
  ],
];

battery('traced convs in phases agree with eager ones', phased);
battery('traced convs with norms agree with eager ones', convNorms);
