/** @file Upsampling and its gradient: the transpose of what went forward, eager and traced. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { prepare, useBackend } from '../../src/engine/index.ts';
import { upsampleBilinear } from '../../src/kernels/index.ts';

describe('bilinear upsampling', () => {
  before(() => useBackend('wasm'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());
  const noise = (shape: [number, number, number, number], seed: number): tf.Tensor4D =>
    tf.randomNormal(shape, 0, 1, 'float32', seed);
  const dot = (a: tf.Tensor, b: tf.Tensor): number =>
    (tf.sum(tf.mul(a, b)).dataSync() as Float32Array)[0] as number;

  for (const factor of [2, 3, 4]) {
    it(`by ${factor}: <A x, y> is <x, A' y>`, () => {
      const x = noise([2, 3, 4, 2], factor);
      const y = noise([2, 3 * factor, 4 * factor, 2], 9);
      const back = tf.grad((v) => tf.sum(tf.mul(upsampleBilinear(v as tf.Tensor4D, factor), y)))(x);
      const [forward, transposed] = [dot(upsampleBilinear(x, factor), y), dot(x, back)];
      expect(transposed).to.be.closeTo(forward, 1e-4);
      // the same against finite differences in one direction, which the identity alone would not see
      const v = noise([2, 3, 4, 2], 7);
      const ahead = dot(upsampleBilinear(tf.add(x, v), factor), y) - forward;
      expect(dot(back, v)).to.be.closeTo(ahead, 1e-3);
    });
  }
  it('traced, is the same', async () => {
    const x = noise([1, 2, 3, 2], 1);
    const y = noise([1, 4, 6, 2], 2);
    const gradient = (v: tf.Tensor, of: tf.Tensor): tf.Tensor =>
      tf.grad((u) => tf.sum(tf.mul(upsampleBilinear(u as tf.Tensor4D, 2), of)))(v);
    const eager = gradient(x, y).dataSync();
    const [xs, ys] = [x.dataSync(), y.dataSync()] as [Float32Array, Float32Array];
    const ready = await prepare(
      (_, { a, b }) => ({ state: {}, outputs: { g: gradient(a as tf.Tensor, b as tf.Tensor) } }),
      {
        state: {},
        inputs: { a: { shape: [1, 2, 3, 2] }, b: { shape: [1, 4, 6, 2] } },
      },
    );
    const { outputs } = await ready.run({}, { a: xs, b: ys });
    await ready.release();
    eager.forEach((v, i) => {
      expect(outputs['g']?.[i]).to.be.closeTo(v, 1e-5);
    });
  });
});
