/** @file Our pools and batch norm, eagerly. */

import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { expect } from 'chai';
import { MoonletError } from '../../src/errors.ts';
import { avgPool, batchNorm, maxPool } from '../../src/kernels/index.ts';
import { distance, numbers } from '../jit/agree.ts';

const none = { top: 0, bottom: 0, left: 0, right: 0 };
const image = (values: number[], shape: [number, number, number, number]): tf.Tensor4D =>
  tf.tensor4d(values, shape);
const scalar =
  (f: (x: tf.Tensor4D) => tf.Tensor) =>
  (x: tf.Tensor): tf.Scalar =>
    tf.sum(f(x as tf.Tensor4D));

describe('maxPool and avgPool', () => {
  for (const backend of ['cpu', 'wasm']) {
    it(`the first maximum in row-major order gets the gradient (${backend})`, async () => {
      await tf.setBackend(backend);
      tf.tidy(() => {
        const x = image([1, 3, 3, 3, 0, 3, 2, 2, 2], [1, 3, 3, 1]);
        const g = { size: [2, 2], stride: [1, 1], pads: none } as const;
        expect([...maxPool(x, g).dataSync()]).to.deep.equal([3, 3, 3, 3]);
        // windows start at (0,0), (0,1), (1,0), (1,1): their first maxima are (0,1), (0,1), (1,0), (1,2)
        const dx = tf.grad(scalar((y) => maxPool(y, g)))(x);
        expect([...dx.dataSync()]).to.deep.equal([0, 2, 0, 1, 0, 1, 0, 0, 0]);
      });
      await tf.setBackend('cpu');
    });
  }

  it('padding never wins, and is not counted unless asked', () => {
    tf.tidy(() => {
      const x = image([-1, -2, -3, -4], [1, 2, 2, 1]);
      const g = { size: [2, 2], stride: [2, 2], pads: { top: 1, bottom: 1, left: 1, right: 1 } } as const;
      expect([...maxPool(x, g).dataSync()]).to.deep.equal([-1, -2, -3, -4]);
      expect([...avgPool(x, g).dataSync()]).to.deep.equal([-1, -2, -3, -4]);
      expect([...avgPool(x, g, true).dataSync()]).to.deep.equal([-0.25, -0.5, -0.75, -1]);
      expect([
        ...tf
          .grad(scalar((y) => avgPool(y, g, true)))(x)
          .dataSync(),
      ]).to.deep.equal([0.25, 0.25, 0.25, 0.25]);
    });
  });

  it('have second-order gradients', () => {
    tf.tidy(() => {
      const x = tf.tensor(numbers(32), [1, 4, 4, 2]);
      const g = { size: [2, 2], stride: [2, 2], pads: none } as const;
      for (const pool of [maxPool, avgPool]) {
        const cubes = (y: tf.Tensor): tf.Scalar => tf.sum(tf.pow(pool(y as tf.Tensor4D, g), 3));
        const curve = (y: tf.Tensor): tf.Scalar => tf.sum(tf.square(tf.grad(cubes)(y)));
        const got = tf.grad(curve)(x).dataSync();
        for (const i of [0, 5, 17]) {
          const at = (by: number): number => {
            const changed = x.dataSync().slice();
            changed[i] = (changed[i] ?? 0) + by;
            return curve(tf.tensor(changed, x.shape)).dataSync()[0] ?? NaN;
          };
          expect(got[i]).to.be.closeTo((at(1e-2) - at(-1e-2)) / 2e-2, 2e-2);
        }
      }
    });
  });

  it('say when a window would be empty', () => {
    const run = (): void =>
      tf.tidy(
        () =>
          void maxPool(tf.zeros([1, 4, 4, 1]), { size: [2, 2], stride: [2, 2], pads: { ...none, top: 2 } }),
      );
    expect(run).to.throw(
      MoonletError,
      "pool([1, 4, 4, 1], size 2 x 2): padding reaches the window's size, some windows would be empty; pad less",
    );
  });
});

describe('batchNorm', () => {
  const formula = (x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor): tf.Tensor => {
    const { mean, variance } = tf.moments(x, x.rank === 2 ? [0] : [0, 1, 2]);
    return tf.add(tf.mul(tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, 1e-3))), gamma), beta);
  };

  for (const shape of [
    [4, 3, 2, 5],
    [6, 5],
  ]) {
    it(`is the formula, in value, gradient and gradient of the gradient: rank ${shape.length}`, () => {
      tf.tidy(() => {
        const x = tf.tensor(numbers(shape.reduce((a, b) => a * b, 1)), shape);
        const [gamma, beta] = [tf.tensor1d(numbers(5, 2)), tf.tensor1d(numbers(5, 3))];
        const weights = tf.tensor(numbers(x.size, 4), shape);
        const ours = (...[a, g, b]: tf.Tensor[]): tf.Tensor =>
          batchNorm(a as tf.Tensor, g as tf.Tensor1D, b as tf.Tensor1D, 1e-3).y;
        const theirs = (...[a, g, b]: tf.Tensor[]): tf.Tensor =>
          formula(a as tf.Tensor, g as tf.Tensor, b as tf.Tensor);
        const loss =
          (f: typeof ours) =>
          (...y: tf.Tensor[]): tf.Scalar =>
            tf.sum(tf.mul(weights, tf.square(f(...y))));
        const curve =
          (f: typeof ours) =>
          (...y: tf.Tensor[]): tf.Scalar =>
            tf.addN(
              tf
                .grads(loss(f))(y)
                .map((d) => tf.sum(tf.square(d))),
            ) as tf.Scalar;
        const operands = [x, gamma, beta];
        const all = (f: typeof ours): tf.Tensor[] => [
          f(...operands),
          ...tf.grads(loss(f))(operands),
          ...tf.grads(curve(f))(operands),
        ];
        const expected = all(theirs);
        for (const [i, got] of all(ours).entries()) {
          expect(distance((expected[i] as tf.Tensor).dataSync(), got.dataSync()), `result ${i}`).to.be.below(
            2e-5,
          );
        }
      });
    });
  }

  it('says what does not fit', () => {
    const run = (x: number[], channels: number) => (): void =>
      tf.tidy(() => void batchNorm(tf.zeros(x), tf.ones([channels]), undefined, 1e-3));
    expect(run([2, 3, 4], 4)).to.throw(
      MoonletError,
      'batchNorm([2, 3, 4]): rank 3; give [b, c] or [b, h, w, c]',
    );
    expect(run([2, 4], 3)).to.throw(
      MoonletError,
      'batchNorm([2, 4]): gamma has shape [3]; give one value for each of 4 channels',
    );
  });
});
