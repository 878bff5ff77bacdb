/** @file What each op computes, against numbers worked out by hand. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import type { Activation } from '../../src/graph/index.ts';
import { apply } from '../../src/read/tfjs/apply.ts';
import { count, map, run, vec } from '../support/apply.ts';
import { conv } from '../support/hand.ts';
import { expectClose, useCpu } from '../support/tensors.ts';

describe('an op computes', () => {
  before(useCpu);

  const x = [-4, -1, 0, 0.5, 2, 7];
  const sigmoid = (v: number): number => 1 / (1 + Math.exp(-v));
  // Phi at these points, from a table of the normal distribution
  const phi = [3.167e-5, 0.158655, 0.5, 0.691462, 0.97725, 1];
  const activations: Readonly<Record<Activation, (v: number, i: number) => number>> = {
    relu: (v) => Math.max(0, v),
    relu6: (v) => Math.min(6, Math.max(0, v)),
    hardSigmoid: (v) => Math.min(6, Math.max(0, v + 3)) / 6,
    hardSwish: (v) => (v * Math.min(6, Math.max(0, v + 3))) / 6,
    sigmoid,
    swish: (v) => v * sigmoid(v),
    tanh: Math.tanh,
    negate: (v) => -v,
    gelu: (v, i) => v * (phi[i] as number),
    geluTanh: (v) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))),
    softmax: (v) => Math.exp(v) / x.reduce((s, u) => s + Math.exp(u), 0),
  };
  for (const [fn, expected] of Object.entries(activations)) {
    it(fn, async () => {
      const { data } = await run({ kind: 'act', fn: fn as Activation }, [vec(...x)]);
      expectClose(data, x.map(expected), 1e-5);
    });
  }

  it('softmax over channels, at each place of a map', async () => {
    const { data } = await run({ kind: 'act', fn: 'softmax' }, [map(1, 2, 2, 0, 0, Math.log(3), 0)]);
    expectClose(data, [0.5, 0.5, 0.75, 0.25], 1e-6);
  });

  it('a conv: the sum over its window and channels, and a bias', async () => {
    const weights = { kernel: tf.tensor4d([1, 10, 100, 1000], [2, 2, 1, 1]), bias: tf.tensor1d([0.5]) };
    const op = conv(1, { kernel: [2, 2], padding: 'valid', bias: true });
    const { data, shape } = await run(op, [map(2, 3, 1, ...count(6))], { weights });
    // rows 0 1 2 and 3 4 5
    expect(data).to.deep.equal([0 + 10 + 300 + 4000 + 0.5, 1 + 20 + 400 + 5000 + 0.5]);
    expect(shape).to.deep.equal([1, 1, 2, 1]);
  });

  it('a conv with explicit padding: top, right, bottom, left', async () => {
    const op = conv(1, { kernel: [1, 1], padding: [1, 0, 0, 2] });
    const { data, shape } = await run(op, [map(1, 1, 1, 7)], {
      weights: { kernel: tf.tensor4d([1], [1, 1, 1, 1]) },
    });
    expect(shape).to.deep.equal([1, 2, 3, 1]);
    expect(data).to.deep.equal([0, 0, 0, 0, 0, 7]);
  });

  it('a grouped conv: neighbouring channels together, groups apart', async () => {
    // two groups of two channels; the first output of each group adds, the second takes the difference
    const kernel = tf.tensor4d([1, 1, 1, 1, 1, -1, 1, -1], [1, 1, 2, 4]);
    const { data } = await run(conv(4, { groups: 2 }), [map(1, 1, 4, 1, 2, 30, 50)], { weights: { kernel } });
    expect(data).to.deep.equal([3, -1, 80, -20]);
  });

  it('a depthwise conv with multiplier: the outputs of a channel stand together', async () => {
    const kernel = tf.tensor4d([1, 2, 3, 4], [1, 1, 1, 4]);
    const { data } = await run(conv(4, { groups: 2 }), [map(1, 1, 2, 10, 100)], { weights: { kernel } });
    expect(data).to.deep.equal([10, 20, 300, 400]);
  });

  it('a dilated conv: taps that stand apart', async () => {
    const op = conv(1, { kernel: [1, 2], dilation: [1, 3], padding: 'valid' });
    const kernel = tf.tensor4d([1, 10], [1, 2, 1, 1]);
    const { data } = await run(op, [map(1, 5, 1, ...count(5))], { weights: { kernel } });
    expect(data).to.deep.equal([30, 41]);
  });

  it('a dense layer: inputs times kernel, and a bias', async () => {
    const weights = {
      kernel: tf.tensor2d([
        [1, 2],
        [3, 4],
      ]),
      bias: tf.tensor1d([0, 100]),
    };
    const { data } = await run({ kind: 'dense', out: 2, bias: true }, [vec(1, 10)], { weights });
    expect(data).to.deep.equal([31, 142]);
  });

  it('pools: padding is no value of a max pool, and is not counted by an average', async () => {
    const window = { size: [2, 2], stride: [2, 2], padding: [1, 0, 0, 1] } as const;
    const negative = [map(1, 3, 1, -1, -2, -3)];
    const op = { kind: 'pool', ...window } as const;
    expect((await run({ ...op, fn: 'max' }, negative)).data).to.deep.equal([-1, -2]);
    expect((await run({ ...op, fn: 'avg' }, negative)).data).to.deep.equal([-1, -2.5]);
    const same = { ...op, size: [1, 2], stride: [1, 2], padding: 'same' } as const;
    expect((await run({ ...same, fn: 'avg' }, negative)).data).to.deep.equal([-1.5, -3]);
  });

  it('global pools: the mean or the largest of each channel', async () => {
    const x4 = [map(2, 2, 2, ...count(8))];
    expect((await run({ kind: 'globalPool', fn: 'avg' }, x4)).data).to.deep.equal([3, 4]);
    expect((await run({ kind: 'globalPool', fn: 'max' }, x4)).data).to.deep.equal([6, 7]);
  });

  it('sums and products of two or more, and gates at every place', async () => {
    const m = map(1, 2, 2, 1, 2, 3, 4);
    expect((await run({ kind: 'add' }, [m, m, m])).data).to.deep.equal([3, 6, 9, 12]);
    expect((await run({ kind: 'mul' }, [m, m])).data).to.deep.equal([1, 4, 9, 16]);
    expect((await run({ kind: 'mul' }, [m, vec(10, 100)])).data).to.deep.equal([10, 200, 30, 400]);
  });

  it('channels one behind the other, and some of them', async () => {
    const cat = await run({ kind: 'concat' }, [map(1, 2, 1, 1, 2), map(1, 2, 2, 3, 4, 5, 6)]);
    expect(cat.data).to.deep.equal([1, 3, 4, 2, 5, 6]);
    const part = await run({ kind: 'slice', from: 1, to: 3 }, [map(1, 2, 3, ...count(6))]);
    expect(part.data).to.deep.equal([1, 2, 4, 5]);
    expect((await run({ kind: 'slice', from: 0, to: 1 }, [vec(5, 6)])).data).to.deep.equal([5]);
  });

  it('shuffle: channel g n + i goes to i groups + g', async () => {
    const op = { kind: 'shuffle', groups: 2 } as const;
    expect((await run(op, [vec(0, 1, 2, 3, 4, 5)])).data).to.deep.equal([0, 3, 1, 4, 2, 5]);
    expect((await run(op, [map(1, 2, 4, ...count(8))])).data).to.deep.equal([0, 2, 1, 3, 4, 6, 5, 7]);
  });

  it('permute: channel j is order[j] of the input; its gradient runs back', async () => {
    const op = { kind: 'permute', order: [2, 0, 1] } as const;
    expect((await run(op, [map(1, 1, 3, 10, 11, 12)])).data).to.deep.equal([12, 10, 11]);
    const at = { training: true, weight: () => undefined, noise: () => tf.scalar(0), keep: () => {} };
    const gradient = tf.tidy(() => {
      const factor = tf.tensor2d([[1, 2, 3]]);
      return [
        ...tf
          .grad((t) => tf.sum(tf.mul(apply(op, [t], at), factor)))(tf.tensor2d([[0, 0, 0]]))
          .dataSync(),
      ];
    });
    expect(gradient).to.deep.equal([2, 3, 1]);
  });

  it('flatten: channels fastest', async () => {
    expect((await run({ kind: 'flatten' }, [map(2, 1, 2, 1, 2, 3, 4)])).data).to.deep.equal([1, 2, 3, 4]);
  });

  it('maxout: the largest of neighbouring channels', async () => {
    const { data } = await run({ kind: 'maxout', pieces: 2 }, [map(1, 1, 4, 3, 1, -5, -2)]);
    expect(data).to.deep.equal([3, -2]);
  });

  it('shift: each group of channels by its own offset, zeros flow in, the rest stays', async () => {
    // ten channels: nine offsets of a 3x3 window, row by row, and one that is left over
    const values = count(9).flatMap((place) => Array.from({ length: 10 }, () => place + 1)); // 3x3 map of 1..9
    const { data } = await run({ kind: 'shift', kernel: 3 }, [map(3, 3, 10, ...values)]);
    const channel = (c: number): number[] => count(9).map((place) => data[place * 10 + c] as number);
    expect(channel(0)).to.deep.equal([0, 0, 0, 0, 1, 2, 0, 4, 5]); // reads the upper left neighbour
    expect(channel(1)).to.deep.equal([0, 0, 0, 1, 2, 3, 4, 5, 6]); // the one above
    expect(channel(4)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(channel(5)).to.deep.equal([2, 3, 0, 5, 6, 0, 8, 9, 0]); // the one to the right
    expect(channel(9)).to.deep.equal(channel(4));
  });

  it('shift of fewer channels than offsets does nothing', async () => {
    expect((await run({ kind: 'shift', kernel: 3 }, [map(1, 2, 2, 1, 2, 3, 4)])).data).to.deep.equal([
      1, 2, 3, 4,
    ]);
  });

  it('upsample: nearest repeats, bilinear mixes between the centres of pixels', async () => {
    const row = [map(1, 2, 1, 0, 4)];
    expect((await run({ kind: 'upsample', factor: 2, fn: 'nearest' }, row)).data).to.deep.equal([
      0, 0, 4, 4, 0, 0, 4, 4,
    ]);
    expect((await run({ kind: 'upsample', factor: 2, fn: 'bilinear' }, row)).data).to.deep.equal([
      0, 1, 3, 4, 0, 1, 3, 4,
    ]);
    const three = await run({ kind: 'upsample', factor: 3, fn: 'nearest' }, row);
    expect(three.data).to.deep.equal([0, 0, 0, 4, 4, 4, 0, 0, 0, 4, 4, 4, 0, 0, 0, 4, 4, 4]);
  });
});
