/**
 * @file Our conv and its gradients of any order, eagerly: against finite differences and convs group by
 * group.
 */

import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { expect } from 'chai';
import { MoonletError } from '../../src/errors.ts';
import { avgPool, batchNorm, type ConvGeometry, conv, convShape, maxPool } from '../../src/kernels/index.ts';
import { distance, numbers } from '../jit/agree.ts';

const tensor = (shape: number[], seed: number): tf.Tensor4D =>
  tf.tensor<tf.Rank.R4>(
    numbers(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
    shape as [number, number, number, number],
  ) as tf.Tensor4D;

const none = { top: 0, bottom: 0, left: 0, right: 0 };
const one = { top: 1, bottom: 1, left: 1, right: 1 };
const base: ConvGeometry = { stride: [1, 1], dilation: [1, 1], pads: one, groups: 1 };

type Case = readonly [name: string, x: number[], kernel: number[], geometry: ConvGeometry];
const cases: readonly Case[] = [
  ['plain', [2, 5, 6, 3], [3, 3, 3, 4], base],
  ['pointwise', [2, 5, 6, 3], [1, 1, 3, 4], { ...base, pads: none }],
  ['grouped', [2, 5, 6, 4], [3, 3, 2, 6], { ...base, groups: 2 }],
  ['depthwise', [2, 5, 6, 4], [3, 3, 1, 4], { ...base, groups: 4 }],
  ['depth multiplier', [2, 5, 6, 3], [3, 3, 1, 6], { ...base, groups: 3 }],
  ['strided, stride not dividing', [2, 6, 7, 3], [3, 3, 3, 4], { ...base, stride: [2, 3], pads: none }],
  [
    'dilated',
    [2, 7, 8, 3],
    [3, 3, 3, 4],
    { ...base, dilation: [2, 1], pads: { top: 2, bottom: 2, left: 1, right: 1 } },
  ],
  [
    'strided and dilated',
    [2, 9, 8, 2],
    [3, 2, 2, 4],
    { ...base, stride: [2, 2], dilation: [2, 3], pads: none },
  ],
  [
    'uneven pads and kernel',
    [2, 5, 6, 4],
    [2, 3, 2, 4],
    { stride: [2, 1], dilation: [1, 1], pads: { top: 0, bottom: 3, left: 2, right: 0 }, groups: 2 },
  ],
  [
    'pads beyond the kernel',
    [2, 4, 4, 2],
    [2, 2, 2, 3],
    { ...base, pads: { top: 3, bottom: 2, left: 2, right: 3 } },
  ],
];

describe('conv', () => {
  beforeEach(async () => {
    await tf.setBackend('cpu');
  });

  for (const [name, xShape, kernelShape, geometry] of cases) {
    it(`${name}: a sum of convs group by group`, () => {
      tf.tidy(() => {
        const [x, kernel] = [tensor(xShape, 1), tensor(kernelShape, 2)];
        const { pads, groups } = geometry;
        const padded = tf.pad4d(x, [
          [0, 0],
          [pads.top, pads.bottom],
          [pads.left, pads.right],
          [0, 0],
        ]);
        const kernels = tf.split(kernel, groups, 3);
        const parts = tf
          .split(padded, groups, 3)
          .map((part, i) => direct(part as tf.Tensor4D, kernels[i] as tf.Tensor4D, geometry));
        const y = conv(x, kernel, geometry);
        expect(y.shape).to.deep.equal(convShape(xShape, kernelShape, geometry));
        expect(distance(tf.concat(parts, 3).dataSync(), y.dataSync())).to.be.below(1e-5);
      });
    });

    it(`${name}: the gradients are those of finite differences`, () => {
      tf.tidy(() => {
        const operands = [tensor(xShape, 1), tensor(kernelShape, 2)];
        const weights = numbers(1000, 3);
        const f = (x: tf.Tensor, k: tf.Tensor): tf.Scalar => {
          const y = conv(x as tf.Tensor4D, k as tf.Tensor4D, geometry);
          return tf.sum(tf.mul(y, tf.tensor(weights.slice(0, y.size), y.shape)));
        };
        const grads = tf.grads(f)(operands);
        for (const [which, operand] of operands.entries()) {
          const values = operand.dataSync();
          const analytic = (grads[which] as tf.Tensor).dataSync();
          for (let i = 0; i < values.length; i += Math.ceil(values.length / 7)) {
            // f is linear in each operand, so a difference of any width is exact but for rounding
            const moved = (by: number): number => {
              const changed = values.slice();
              changed[i] = (changed[i] ?? 0) + by;
              const all = operands.map((t, j) => (j === which ? tf.tensor(changed, t.shape) : t));
              return f(...(all as [tf.Tensor, tf.Tensor])).dataSync()[0] ?? NaN;
            };
            expect(analytic[i]).to.be.closeTo((moved(1) - moved(-1)) / 2, 1e-4);
          }
        }
      });
    });
  }

  it('has second-order gradients: those of the squared gradient, by finite differences', () => {
    tf.tidy(() => {
      const geometry: ConvGeometry = { ...base, stride: [2, 1], groups: 2 };
      const [x, kernel] = [tensor([1, 5, 4, 4], 1), tensor([3, 3, 2, 4], 2)];
      const inner = (a: tf.Tensor, k: tf.Tensor): tf.Scalar =>
        tf.sum(tf.square(conv(a as tf.Tensor4D, k as tf.Tensor4D, geometry)));
      // |d inner / d x|^2, which meets the gradients of all three kernels
      const outer = (a: tf.Tensor, k: tf.Tensor): tf.Scalar =>
        tf.sum(tf.square(tf.grads(inner)([a, k])[0] as tf.Tensor));
      const grads = tf.grads(outer)([x, kernel]);
      for (const [which, operand] of [x, kernel].entries()) {
        const values = operand.dataSync();
        for (const i of [0, 7, values.length - 1]) {
          const at = (by: number): number => {
            const changed = values.slice();
            changed[i] = (changed[i] ?? 0) + by;
            const moved = tf.tensor(changed, operand.shape);
            return (which === 0 ? outer(moved, kernel) : outer(x, moved)).dataSync()[0] ?? NaN;
          };
          const got = (grads[which] as tf.Tensor).dataSync()[i] ?? NaN;
          expect(got / ((at(1e-2) - at(-1e-2)) / 2e-2)).to.be.closeTo(1, 1e-2);
        }
      }
    });
  });

  it('runs with all gradients on the wasm backend, which has no filter gradient of its own', async () => {
    const results = async (backend: string): Promise<Float32Array[]> => {
      await tf.setBackend(backend);
      return tf.tidy(() =>
        cases.flatMap(([, xShape, kernelShape, geometry]) => {
          const f = (x: tf.Tensor, k: tf.Tensor): tf.Scalar =>
            tf.sum(tf.square(conv(x as tf.Tensor4D, k as tf.Tensor4D, geometry)));
          const { value, grads } = tf.valueAndGrads(f)([tensor(xShape, 1), tensor(kernelShape, 2)]);
          return [value, ...grads].map((t) => t.dataSync() as Float32Array);
        }),
      );
    };
    const [cpu, wasm] = [await results('cpu'), await results('wasm')];
    for (const [i, result] of cpu.entries())
      expect(distance(result, wasm[i] as Float32Array)).to.be.below(1e-5);
    await tf.setBackend('cpu');
  });

  it('leaves no tensors', () => {
    const before = tf.memory().numTensors;
    const [x, k] = [tensor([2, 6, 6, 4], 1), tensor([3, 3, 1, 4], 2)];
    const gamma = tf.ones([4]) as tf.Tensor1D;
    const pool = { size: [2, 2], stride: [2, 2], pads: none } as const;
    const loss = (a: tf.Tensor, b: tf.Tensor, c: tf.Tensor): tf.Scalar => {
      const y = batchNorm(
        conv(a as tf.Tensor4D, b as tf.Tensor4D, { ...base, groups: 4 }),
        c as tf.Tensor1D,
        undefined,
        1e-3,
      ).y;
      return tf.sum(tf.add(maxPool(y as tf.Tensor4D, pool), avgPool(y as tf.Tensor4D, pool)));
    };
    const { value, grads } = tf.valueAndGrads(loss)([x, k, gamma]);
    tf.dispose([value, grads, x, k, gamma]);
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('says what does not fit', () => {
    const wrong = (x: number[], k: number[], geometry: ConvGeometry) => (): void => {
      tf.tidy(() => void conv(tensor(x, 1), tensor(k, 2), geometry));
    };
    expect(wrong([1, 4, 4, 6], [3, 3, 2, 4], base)).to.throw(
      MoonletError,
      'conv([1, 4, 4, 6], kernel [3, 3, 2, 4], groups 1): the kernel reads 2 x 1 channels, x has 6; ' +
        'give a kernel of [kh, kw, channels/groups, out]',
    );
    expect(wrong([1, 4, 4, 6], [3, 3, 2, 4], { ...base, groups: 3 })).to.throw(
      MoonletError,
      'conv([1, 4, 4, 6], kernel [3, 3, 2, 4], groups 3): 4 output channels do not divide into 3 groups; change either',
    );
    expect(wrong([1, 2, 2, 2], [3, 3, 2, 4], { ...base, pads: none })).to.throw(
      MoonletError,
      'an image of 2 x 2 is smaller than the window; add padding',
    );
    expect(wrong([4, 4, 2], [3, 3, 2, 4], base)).to.throw(
      MoonletError,
      'ranks 3 and 4; give x as BHWC and the kernel as HWIO',
    );
  });
});

/** The definition: per tap of the window a product of what lies under it. */
function direct(padded: tf.Tensor4D, kernel: tf.Tensor4D, { stride, dilation }: ConvGeometry): tf.Tensor {
  const [b, h, w, c] = padded.shape;
  const [kh, kw, , o] = kernel.shape;
  const oh = Math.floor((h - dilation[0] * (kh - 1) - 1) / stride[0]) + 1;
  const ow = Math.floor((w - dilation[1] * (kw - 1) - 1) / stride[1]) + 1;
  let sum: tf.Tensor = tf.zeros([b, oh, ow, o]);
  for (let i = 0; i < kh; i++) {
    for (let j = 0; j < kw; j++) {
      const [top, left] = [i * dilation[0], j * dilation[1]];
      const end = [b, top + (oh - 1) * stride[0] + 1, left + (ow - 1) * stride[1] + 1, c];
      const under = tf.stridedSlice(padded, [0, top, left, 0], end, [1, stride[0], stride[1], 1]);
      const weights = tf.reshape(tf.slice(kernel, [i, j, 0, 0], [1, 1, c, o]), [c, o]);
      sum = tf.add(sum, tf.reshape(tf.matMul(tf.reshape(under, [-1, c]), weights), [b, oh, ow, o]));
    }
  }
  return sum;
}
