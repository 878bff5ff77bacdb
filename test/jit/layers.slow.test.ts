/** @file The law of agreement for matrix products, convolutions, pools, norms and resizing. */

import * as tf from '@tensorflow/tfjs-core';
import { avgPool, batchNorm, conv, maxPool } from '../../src/kernels/index.ts';
import { battery, type Case, type Options } from './battery.ts';
import { as4, geometry, wideCase } from './wide.ts';

const image = [2, 5, 6, 4];
const positive: Options = { prepare: (x) => Math.abs(x) + 0.1 };
const none: Options = { grads: 0 };
const ints: Options = { grads: 0, dtype: 'int32', prepare: (x) => Math.round(x * 9) };
const square = [2, 5, 5, 4]; // tf's cpu gradient of bilinear resizing exchanges height and width
const pool = { size: [3, 2], stride: [2, 2], pads: { top: 1, bottom: 0, left: 0, right: 1 } } as const;

const one = { top: 1, bottom: 1, left: 1, right: 1 };
const wide: readonly Case[] = [
  wideCase('16 to 24', [2, 6, 5, 16], [3, 3, 16, 24]),
  wideCase('20 to 12, padded blocks', [2, 6, 5, 20], [3, 3, 20, 12]),
  wideCase('18 channels, no block', [2, 6, 5, 18], [3, 3, 18, 16]),
  wideCase('few in, many out', [2, 6, 5, 3], [3, 3, 3, 16]),
  wideCase('strided', [2, 8, 7, 16], [3, 3, 16, 32], { stride: [2, 2] }),
  wideCase('1x1 strided', [2, 8, 7, 16], [1, 1, 16, 32], {
    stride: [2, 2],
    pads: { top: 0, bottom: 0, left: 0, right: 0 },
  }),
  wideCase('groups of blocks', [2, 6, 5, 32], [3, 3, 16, 32], { groups: 2 }),
  wideCase('groups of few', [2, 6, 5, 32], [3, 3, 4, 32], { groups: 8 }),
  wideCase('groups, strided', [2, 6, 5, 32], [3, 3, 16, 32], { groups: 2, stride: [2, 2] }),
  wideCase('many on few places', [2, 3, 3, 48], [3, 3, 48, 64]),
  wideCase('dilated', [2, 9, 8, 16], [3, 3, 16, 16], {
    dilation: [2, 2],
    pads: { top: 2, bottom: 2, left: 2, right: 2 },
  }),
  wideCase('5x3, uneven pads', [2, 7, 6, 16], [5, 3, 16, 16], {
    pads: { top: 3, bottom: 0, left: 0, right: 2 },
  }),
  wideCase('depthwise 20', [2, 6, 5, 20], [3, 3, 1, 20], { groups: 20, pads: one }),
  wideCase('depthwise, strided', [2, 7, 8, 16], [3, 3, 1, 16], { groups: 16, stride: [2, 2] }),
  wideCase('depthwise, large image', [2, 26, 25, 8], [3, 3, 1, 8], { groups: 8 }),
  wideCase('depthwise, large, strided', [2, 26, 25, 8], [3, 3, 1, 8], { groups: 8, stride: [2, 2] }),
  wideCase('depthwise, large, dilated', [2, 30, 21, 8], [5, 5, 1, 8], {
    groups: 8,
    dilation: [3, 1],
    pads: { top: 6, bottom: 5, left: 2, right: 1 },
  }),
  wideCase('depthwise, doubled', [2, 6, 5, 8], [3, 3, 1, 16], { groups: 8 }),
];
/** A mask made of an image in blocks, read beside images that are not. */
const masked: Case = [
  'a mask of blocks beside plain images',
  (x, k, a, b) =>
    tf.where(
      tf.greater(conv(as4(x as tf.Tensor), as4(k as tf.Tensor), geometry), 0),
      a as tf.Tensor,
      b as tf.Tensor,
    ),
  [
    [2, 6, 5, 16],
    [3, 3, 16, 32],
    [2, 6, 5, 32],
    [2, 6, 5, 32],
  ],
  none,
];
/** The batch fills blocks: the kernel's gradient is a blocked conv too. */
const wholeBatch: readonly Case[] = [
  wideCase('batch of 16', [16, 6, 5, 16], [3, 3, 16, 16]),
  wideCase('batch of 32, one channel', [32, 6, 5, 1], [3, 3, 1, 24]),
  wideCase('batch of 16, 12 outputs', [16, 6, 5, 3], [3, 3, 3, 12]),
  wideCase('batch of 16, strided, rows left over', [16, 8, 7, 4], [3, 3, 4, 16], {
    stride: [3, 2],
    pads: { top: 0, bottom: 0, left: 0, right: 1 },
  }),
  wideCase('batch of 16, dilated and strided', [16, 9, 8, 5], [3, 3, 5, 32], {
    dilation: [2, 3],
    stride: [2, 1],
    pads: { top: 2, bottom: 1, left: 3, right: 3 },
  }),
  wideCase('batch of 16, 5x3, uneven pads', [16, 7, 6, 4], [5, 3, 4, 80], {
    pads: { top: 3, bottom: 0, left: 0, right: 2 },
  }),
  wideCase('batch of 16, dilated, rows left over', [16, 9, 8, 4], [3, 2, 4, 16], {
    dilation: [3, 1],
    stride: [2, 2],
    pads: { top: 0, bottom: 1, left: 1, right: 0 },
  }),
];

const cases: readonly Case[] = [
  [
    'matMul of ints, transposed',
    (a, b) => tf.matMul(a as tf.Tensor, b as tf.Tensor, true, true),
    [
      [7, 4],
      [3, 7],
    ],
    ints,
  ],
  [
    'matMul',
    (a, b) => tf.matMul(a as tf.Tensor, b as tf.Tensor),
    [
      [4, 7],
      [7, 3],
    ],
  ],
  [
    'matMul a^T b^T',
    (a, b) => tf.matMul(a as tf.Tensor, b as tf.Tensor, true, true),
    [
      [7, 4],
      [3, 7],
    ],
  ],
  [
    'matMul batched',
    (a, b) => tf.matMul(a as tf.Tensor, b as tf.Tensor, false, true),
    [
      [2, 4, 7],
      [2, 3, 7],
    ],
  ],
  [
    'fused matMul',
    (a, b, c) =>
      tf.fused.matMul({ a: a as tf.Tensor, b: b as tf.Tensor, bias: c as tf.Tensor, activation: 'relu' }),
    [[4, 7], [7, 3], [3]],
  ],
  [
    'conv2d same',
    (x, k) => tf.conv2d(as4(x as tf.Tensor), as4(k as tf.Tensor), 1, 'same'),
    [image, [3, 3, 4, 5]],
  ],
  [
    'conv2d strided',
    (x, k) => tf.conv2d(as4(x as tf.Tensor), as4(k as tf.Tensor), 2, 'same'),
    [image, [3, 3, 4, 5]],
  ],
  [
    'conv2d 1x1 strided',
    (x, k) => tf.conv2d(as4(x as tf.Tensor), as4(k as tf.Tensor), 2, 'valid'),
    [image, [1, 1, 4, 5]],
  ],
  [
    'fused conv2d',
    (x, k, b) =>
      tf.fused.conv2d({
        x: as4(x as tf.Tensor),
        filter: as4(k as tf.Tensor),
        strides: 1,
        pad: 'same',
        bias: b as tf.Tensor,
        activation: 'relu6',
      }),
    [image, [3, 3, 4, 5], [5]],
  ],
  [
    'depthwiseConv2d',
    (x, k) => tf.depthwiseConv2d(as4(x as tf.Tensor), as4(k as tf.Tensor), 1, 'same'),
    [image, [3, 3, 4, 1]],
  ],
  [
    'depthwiseConv2d strided, doubled',
    (x, k) => tf.depthwiseConv2d(as4(x as tf.Tensor), as4(k as tf.Tensor), 2, 'same'),
    [image, [3, 3, 4, 2]],
  ],
  ['stock maxPool', (x) => tf.maxPool(as4(x as tf.Tensor), 3, 2, 'same'), [image]],
  ['stock avgPool', (x) => tf.avgPool(as4(x as tf.Tensor), 3, 2, 'valid'), [image]],
  // with padding only forward: tf's cpu gradient divides by the whole window, its forward by what is no
  // padding
  ['stock avgPool, padded', (x) => tf.avgPool(as4(x as tf.Tensor), 3, 2, 'same'), [image], none],
  [
    'batchNorm in inference',
    (x, m, v, o, s) =>
      tf.batchNorm(x as tf.Tensor, m as tf.Tensor1D, v as tf.Tensor1D, o as tf.Tensor1D, s as tf.Tensor1D),
    [image, [4], [4], [4], [4]],
    positive,
  ],
  ['resizeBilinear', (x) => tf.image.resizeBilinear(as4(x as tf.Tensor), [9, 4]), [square]],
  ['resizeBilinear, corners', (x) => tf.image.resizeBilinear(as4(x as tf.Tensor), [9, 4], true), [square]],
  [
    'resizeBilinear, half pixels',
    (x) => tf.image.resizeBilinear(as4(x as tf.Tensor), [9, 4], false, true),
    [image],
    none,
  ],
  ['resizeNearestNeighbor', (x) => tf.image.resizeNearestNeighbor(as4(x as tf.Tensor), [10, 3]), [image]],
  ['our conv', (x, k) => conv(as4(x as tf.Tensor), as4(k as tf.Tensor), geometry), [image, [3, 3, 4, 6]]],
  [
    'our conv, 1x1',
    (x, k) =>
      conv(as4(x as tf.Tensor), as4(k as tf.Tensor), {
        ...geometry,
        pads: { top: 0, bottom: 0, left: 0, right: 0 },
      }),
    [image, [1, 1, 4, 6]],
  ],
  [
    'our conv, grouped',
    (x, k) => conv(as4(x as tf.Tensor), as4(k as tf.Tensor), { ...geometry, groups: 2 }),
    [image, [3, 3, 2, 6]],
  ],
  [
    'our conv, strided',
    (x, k) =>
      conv(as4(x as tf.Tensor), as4(k as tf.Tensor), {
        ...geometry,
        stride: [2, 2],
        pads: { top: 0, bottom: 1, left: 2, right: 0 },
      }),
    [image, [3, 3, 4, 6]],
  ],
  [
    'our conv, grouped, strided, dilated',
    (x, k) =>
      conv(as4(x as tf.Tensor), as4(k as tf.Tensor), {
        stride: [2, 1],
        dilation: [1, 2],
        pads: { top: 1, bottom: 0, left: 2, right: 1 },
        groups: 2,
      }),
    [
      [2, 7, 6, 4],
      [3, 2, 2, 6],
    ],
  ],
  [
    'our conv, depthwise',
    (x, k) => conv(as4(x as tf.Tensor), as4(k as tf.Tensor), { ...geometry, groups: 4 }),
    [image, [3, 3, 1, 4]],
  ],
  [
    'our conv, depthwise, strided',
    (x, k) => conv(as4(x as tf.Tensor), as4(k as tf.Tensor), { ...geometry, stride: [2, 2], groups: 4 }),
    [image, [3, 3, 1, 4]],
  ],
  [
    'our conv, depthwise, strided, even',
    (x, k) =>
      conv(as4(x as tf.Tensor), as4(k as tf.Tensor), {
        ...geometry,
        stride: [2, 2],
        pads: { top: 0, bottom: 1, left: 0, right: 1 },
        groups: 3,
      }),
    [
      [2, 8, 8, 3],
      [3, 3, 1, 3],
    ],
  ],
  [
    'our conv, depthwise, 5x5, dilated',
    (x, k) =>
      conv(as4(x as tf.Tensor), as4(k as tf.Tensor), {
        ...geometry,
        dilation: [2, 1],
        pads: { top: 4, bottom: 4, left: 2, right: 2 },
        groups: 4,
      }),
    [image, [5, 5, 1, 4]],
  ],
  [
    'our conv, depth multiplier',
    (x, k) => conv(as4(x as tf.Tensor), as4(k as tf.Tensor), { ...geometry, groups: 4 }),
    [image, [3, 3, 1, 8]],
  ],
  ...wide,
  ...wholeBatch,
  masked,
  ['our maxPool', (x) => maxPool(as4(x as tf.Tensor), pool), [image]],
  [
    'our maxPool with ties',
    (x) => maxPool(as4(x as tf.Tensor), pool),
    [image],
    { prepare: (x) => Math.round(x) },
  ],
  ['our avgPool', (x) => avgPool(as4(x as tf.Tensor), pool), [image]],
  ['our avgPool, padding counted', (x) => avgPool(as4(x as tf.Tensor), pool, true), [image]],
  [
    'our batchNorm',
    (x, g, b) => {
      const n = batchNorm(x as tf.Tensor, g as tf.Tensor1D, b as tf.Tensor1D, 1e-3);
      return [n.y, n.mean, n.variance];
    },
    [image, [4], [4]],
  ],
  [
    'our batchNorm of vectors',
    (x, g, b) => batchNorm(x as tf.Tensor, g as tf.Tensor1D, b as tf.Tensor1D, 1e-3).y,
    [[6, 4], [4], [4]],
  ],
  ['our batchNorm, plain', (x) => batchNorm(x as tf.Tensor, undefined, undefined, 1e-3).y, [image]],
];

battery('traced layers agree with eager ones', cases);
