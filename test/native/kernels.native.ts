/** @file Our kernels on TensorFlow's own ops against their composed forms on tf's cpu backend, with both gradients. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useBackend } from '../../src/engine/index.ts';
import {
  avgPool,
  batchNorm,
  type ConvGeometry,
  conv,
  maxPool,
  type PoolGeometry,
} from '../../src/kernels/index.ts';
import { random } from '../../src/random.ts';
import { largestDifference, sizeOf } from '../support/nets.ts';
import { needsTfjsNode } from './installed.ts';

type Fn = (...x: tf.Tensor[]) => tf.Tensor;
interface Case {
  readonly name: string;
  readonly shapes: readonly (readonly number[])[];
  readonly fn: Fn;
  /** Draws from two numbers only. */
  readonly tied?: boolean;
}

const none = { top: 0, bottom: 0, left: 0, right: 0 };
const one = { top: 1, bottom: 1, left: 1, right: 1 };
const uneven = { top: 0, bottom: 1, left: 2, right: 1 };

const convCases: readonly Case[] = (
  [
    ['full', [3, 3, 4, 6], {}],
    ['full, stride 2', [3, 3, 4, 6], { stride: [2, 2] }],
    ['full, dilated', [3, 3, 4, 6], { dilation: [2, 2] }],
    ['full, stride 2 and dilated', [3, 3, 4, 6], { stride: [2, 2], dilation: [2, 2] }],
    ['pointwise, no padding', [1, 1, 4, 6], { pads: none }],
    ['pointwise, stride 2', [1, 1, 4, 6], { stride: [2, 2], pads: none }],
    ['grouped', [3, 3, 2, 6], { groups: 2 }],
    ['grouped, stride 2', [3, 3, 2, 6], { groups: 2, stride: [2, 2] }],
    ['grouped, dilated', [3, 3, 2, 6], { groups: 2, dilation: [2, 1] }],
    ['grouped, uneven strides and pads', [3, 2, 2, 4], { groups: 2, stride: [2, 1], pads: uneven }],
    ['depthwise', [3, 3, 1, 4], { groups: 4 }],
    ['depthwise, stride 2', [3, 3, 1, 4], { groups: 4, stride: [2, 2] }],
    ['depthwise, dilated', [3, 3, 1, 4], { groups: 4, dilation: [2, 2] }],
    ['depthwise, uneven strides', [3, 3, 1, 4], { groups: 4, stride: [2, 1] }],
    ['depthwise, two outputs a channel', [3, 3, 1, 8], { groups: 4 }],
    ['depthwise, dilated and stride 2', [3, 3, 1, 8], { groups: 4, dilation: [2, 2], stride: [2, 2] }],
  ] as readonly (readonly [string, readonly number[], Partial<ConvGeometry>])[]
).map(([name, kernel, geometry]) => ({
  name: `conv ${name}`,
  shapes: [[2, 9, 10, 4], kernel],
  fn: (x, k) =>
    conv(x as tf.Tensor4D, k as tf.Tensor4D, {
      stride: [1, 1],
      dilation: [1, 1],
      pads: one,
      groups: 1,
      ...geometry,
    }),
}));

const poolGeometries: readonly (readonly [string, PoolGeometry])[] = [
  ['no padding', { size: [2, 2], stride: [2, 2], pads: none }],
  ['padded', { size: [3, 3], stride: [2, 2], pads: one }],
  ['uneven', { size: [3, 4], stride: [1, 2], pads: uneven }],
];
const poolCases: readonly Case[] = poolGeometries.flatMap(([name, g]) => [
  { name: `max pool, ${name}`, shapes: [[2, 9, 10, 4]], fn: (x) => maxPool(x as tf.Tensor4D, g) },
  // of equal maxima the first one gets the gradient
  {
    name: `max pool of ties, ${name}`,
    shapes: [[2, 9, 10, 4]],
    fn: (x) => maxPool(x as tf.Tensor4D, g),
    tied: true,
  },
  { name: `average pool, ${name}`, shapes: [[2, 9, 10, 4]], fn: (x) => avgPool(x as tf.Tensor4D, g) },
  {
    name: `average pool that counts padding, ${name}`,
    shapes: [[2, 9, 10, 4]],
    fn: (x) => avgPool(x as tf.Tensor4D, g, true),
  },
]);

const normCases: readonly Case[] = [
  [2, 5, 6, 4],
  [8, 4],
].map((shape) => ({
  name: `batch norm of rank ${shape.length}`,
  shapes: [shape, [4], [4]],
  fn: (x, gamma, beta) => batchNorm(x, gamma as tf.Tensor1D, beta as tf.Tensor1D, 1e-3).y,
}));

/** The value and the gradients of its product with fixed numbers, on an engine. */
async function results({ shapes, fn, tied }: Case, engine: 'cpu' | 'tfjs-node'): Promise<Float32Array[]> {
  await useBackend(engine);
  const before = tf.memory().numTensors;
  const arrays = tf.tidy(() => {
    const inputs = shapes.map((shape, i) => {
      const numbers = draw(shape, i);
      return tf.tensor(tied ? numbers.map(Math.sign) : numbers, [...shape]);
    });
    const value = fn(...inputs);
    const weights = tf.tensor(draw(value.shape, 9), value.shape);
    const grads = tf.grads((...x) => tf.sum(tf.mul(fn(...x), weights)))(inputs);
    return [value, ...grads].map((t) => t.dataSync() as Float32Array);
  });
  expect(tf.memory().numTensors, 'tensors left').to.equal(before);
  return arrays;
}

const draw = (shape: readonly number[], key: number): Float32Array => {
  const source = random('native', key);
  return Float32Array.from({ length: sizeOf(shape) }, source.normal);
};

describe('native kernels agree with composed ones', () => {
  before(needsTfjsNode);
  it('all run natively', () => {
    // the composed form of a kernel is registered when it is first asked for, the native one at the start
    const names = tf.getKernelsForBackend('tensorflow').map((kernel) => kernel.kernelName);
    expect(names.filter((name) => name.startsWith('Moonlet'))).to.have.lengthOf(9);
  });

  for (const one of [...convCases, ...poolCases, ...normCases]) {
    it(one.name, async () => {
      const [native, composed] = [await results(one, 'tfjs-node'), await results(one, 'cpu')];
      composed.forEach((expected, i) => {
        expect(native[i]?.length).to.equal(expected.length);
        expect(largestDifference(native[i] as Float32Array, expected), `result ${i}`).to.be.below(1e-5);
      });
    });
  }

  it('batch norm gives the mean and the biased variance', async () => {
    const of = async (engine: 'cpu' | 'tfjs-node') => {
      await useBackend(engine);
      return tf.tidy(() => {
        const { mean, variance } = batchNorm(
          tf.tensor(draw([2, 2, 3, 4], 1), [2, 2, 3, 4]),
          undefined,
          undefined,
          1e-3,
        );
        return [mean, variance].map((t) => t.dataSync() as Float32Array);
      });
    };
    const [native, composed] = [await of('tfjs-node'), await of('cpu')];
    composed.forEach((expected, i) => {
      expect(largestDifference(native[i] as Float32Array, expected)).to.be.below(1e-5);
    });
  });
});
