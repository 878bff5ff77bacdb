/** @file Optimizers and schedules against numbers worked out by hand. */

import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useBackend } from '../../src/engine/index.ts';
import { UsageError } from '../../src/errors.ts';
import { cosine, oneCycle, schedule, stepwise } from '../../src/learn/loss/index.ts';
import { adam, type Optimizer, sgd } from '../../src/learn/train/index.ts';

/** A weight of one number under gradients given step by step. */
function walk(
  optimizer: Optimizer,
  start: number,
  gradients: readonly number[],
  rate: number,
  decays = true,
): number[] {
  let weight: tf.Tensor = tf.scalar(start);
  let slots: Readonly<Record<string, tf.Tensor>> = Object.fromEntries(
    Object.keys(optimizer.slots).map((s) => [s, tf.scalar(0)]),
  );
  return gradients.map((g, i) => {
    const done = optimizer.update(weight, tf.scalar(g), slots, {
      rate: tf.scalar(rate),
      number: (name) => tf.scalar(optimizer.numbers(i + 1)[name] as number),
      decays,
    });
    weight = done.weight;
    slots = done.slots;
    return weight.dataSync()[0] as number;
  });
}
const close = (found: readonly number[], expected: readonly number[]): void => {
  expect(found).to.have.length(expected.length);
  found.forEach((v, i) => {
    expect(v).to.be.closeTo(expected[i] as number, 1e-6);
  });
};

describe('optimizers', () => {
  before(() => useBackend('wasm'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it('sgd without momentum goes down the gradient', () =>
    close(walk(sgd({ momentum: 0 }), 1, [2, -1], 0.1), [0.8, 0.9]));
  it('sgd with momentum: v = m v + g, w -= rate v', () =>
    close(walk(sgd(), 1, [1, 1, 0], 0.1), [0.9, 0.71, 0.539]));
  it('Nesterov looks ahead: w -= rate (g + m v)', () =>
    close(walk(sgd({ nesterov: true }), 1, [1, 1], 0.1), [0.81, 0.539]));
  it('weight decay adds to the gradient of kernels only', () => {
    close(walk(sgd({ momentum: 0, weightDecay: 0.5 }), 2, [0], 0.1), [1.9]);
    close(walk(sgd({ momentum: 0, weightDecay: 0.5 }), 2, [0], 0.1, false), [2]);
  });
  it("adam's first step is the rate, whatever the gradient's size; the moments are unbiased", () => {
    close(walk(adam(), 1, [1e-2], 0.1), [0.9]);
    // second step by hand: m = .9 .1 g + .1 g', v = .999 .001 g^2 + .001 g'^2
    const [g, h] = [1, -2];
    const m = (0.09 * g + 0.1 * h) / (1 - 0.81);
    const v = (0.000999 * g * g + 0.001 * h * h) / (1 - 0.998001);
    const [, second] = walk(adam(), 1, [g, h], 0.1);
    expect(second).to.be.closeTo(0.9 - (0.1 * m) / Math.sqrt(v), 1e-6);
  });
  it("adam's weight decay is decoupled: it shrinks the weight, not the gradient", () =>
    close(walk(adam({ weightDecay: 0.5 }), 2, [0], 0.1), [1.9]));
});

describe('schedules', () => {
  it('one cycle begins at peak / 25, peaks after 30 % and ends near nothing', () => {
    const rate = oneCycle({ steps: 1000, peak: 0.1 });
    expect(rate(0)).to.be.closeTo(0.004, 1e-9);
    expect(rate(299)).to.be.closeTo(0.1, 1e-9);
    expect(rate(999)).to.be.closeTo(4e-7, 1e-12);
    for (let i = 1; i < 1000; i++) expect(rate(i) > rate(i - 1)).to.equal(i <= 299);
  });
  it('cosine warms up in a line, then falls to the floor', () => {
    const rate = cosine({ steps: 110, peak: 1, floor: 0.1, warmup: 10 });
    expect([rate(0), rate(9), rate(10), rate(60)]).to.deep.equal([0.1, 1, 1, 0.55]);
    expect(rate(110)).to.be.closeTo(0.1, 1e-12);
  });
  it('steps fall by a fifth at their shares of the run', () => {
    const rate = stepwise({ steps: 200, peak: 0.1, at: [0.3, 0.6, 0.8] });
    expect([0, 59, 60, 120, 160].map((s) => Number(rate(s).toFixed(6)))).to.deep.equal([
      0.1, 0.1, 0.02, 0.004, 0.0008,
    ]);
  });
  it('are found by name', () => {
    expect(schedule('constant', { steps: 5, peak: 0.3 })(4)).to.equal(0.3);
    expect(schedule('one-cycle', { steps: 100, peak: 1 })(29)).to.be.closeTo(1, 1e-9);
    expect(() => schedule('linear', { steps: 5, peak: 1 })).to.throw(
      UsageError,
      'no schedule "linear"; known: one-cycle',
    );
  });
});
