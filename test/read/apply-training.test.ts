/** @file What ops do in training: dropout by given noise, norms by the batch and their running statistics. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import type { Op, Slot } from '../../src/graph/index.ts';
import { count, map, run, vec } from '../support/apply.ts';
import { expectClose, useCpu } from '../support/tensors.ts';

describe('dropout', () => {
  before(useCpu);

  it('keeps where the noise reaches the rate, scaled by 1 / (1 - rate), in training only', async () => {
    const op = { kind: 'dropout', rate: 0.75 } as const;
    const asked: (readonly number[])[] = [];
    const noise = (shape: readonly number[]): tf.Tensor => {
      asked.push(shape);
      return tf.tensor2d([[0, 0.7, 0.75, 0.9]]);
    };
    expect((await run(op, [vec(1, 2, 3, 4)], { training: true, noise })).data).to.deep.equal([0, 0, 12, 16]);
    expect(asked).to.deep.equal([[1, 4]]);
    expect((await run(op, [vec(1, 2, 3, 4)])).data).to.deep.equal([1, 2, 3, 4]);
    expect((await run({ ...op, rate: 0 }, [vec(1, 2)], { training: true })).data).to.deep.equal([1, 2]);
  });

  it('of paths takes or leaves whole samples', async () => {
    const op = { kind: 'dropPath', rate: 0.5 } as const;
    const batch = (): tf.Tensor => tf.tensor4d(count(8), [2, 1, 2, 2]);
    const noise = (shape: readonly number[]): tf.Tensor => {
      expect(shape).to.deep.equal([2, 1, 1, 1]);
      return tf.tensor4d([0.2, 0.8], [2, 1, 1, 1]);
    };
    expect((await run(op, [batch], { training: true, noise })).data).to.deep.equal([
      0, 0, 0, 0, 8, 10, 12, 14,
    ]);
    expect((await run(op, [batch])).data).to.deep.equal(count(8));
  });
});

describe('a norm', () => {
  before(useCpu);
  const norm = (o: object = {}): Op => ({
    kind: 'norm',
    eps: 0,
    momentum: 0.75,
    scale: true,
    offset: true,
    ...o,
  });
  const weights = (): Partial<Record<Slot, tf.Tensor>> => ({
    gamma: tf.tensor1d([2, 1]),
    beta: tf.tensor1d([1, 0]),
    mean: tf.tensor1d([3, 0]),
    variance: tf.tensor1d([4, 1]),
  });
  const batch = (): tf.Tensor =>
    tf.tensor2d([
      [1, 10],
      [5, 30],
    ]); // means 3, 20; variances 4, 100

  it('in inference uses the running statistics', async () => {
    const { data, kept } = await run(norm(), [batch], { weights: weights() });
    expectClose(data, [2 * ((1 - 3) / 2) + 1, 10, 2 * ((5 - 3) / 2) + 1, 30], 1e-6);
    expect(kept).to.deep.equal({});
  });

  it('adds eps to the variance', async () => {
    const { data } = await run(norm({ eps: 12 }), [() => tf.tensor2d([[7, 0]])], { weights: weights() });
    expectClose(data, [2 * (4 / 4) + 1, 0], 1e-6);
  });

  it('in training uses those of the batch, and moves the running ones by 1 - momentum', async () => {
    const { data, kept } = await run(norm(), [batch], { weights: weights(), training: true });
    expectClose(data, [-1, -1, 3, 1], 1e-6);
    expectClose(kept.mean ?? [], [0.75 * 3 + 0.25 * 3, 0.25 * 20], 1e-6);
    expectClose(kept.variance ?? [], [0.75 * 4 + 0.25 * 4, 0.75 + 0.25 * 100], 1e-6); // the biased variance
  });

  it('takes the statistics of a map over its places too', async () => {
    const { kept } = await run(norm({ momentum: 0 }), [map(1, 2, 2, 1, 10, 5, 30)], {
      weights: weights(),
      training: true,
    });
    expectClose(kept.mean ?? [], [3, 20], 1e-6);
    expectClose(kept.variance ?? [], [4, 100], 1e-6);
  });

  it('without scale and offset only standardizes, in both modes', async () => {
    for (const training of [false, true]) {
      const bare = { mean: tf.tensor1d([3, 20]), variance: tf.tensor1d([4, 100]) };
      const { data } = await run(norm({ scale: false, offset: false }), [batch], { weights: bare, training });
      expectClose(data, [-1, -1, 1, 1], 1e-6);
    }
  });
});
