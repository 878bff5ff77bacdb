/** @file Training steps of a small net: traced as eager, and the same from run to run. */

import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { expect } from 'chai';
import { type Arrays, jit, type Spec, type TracedFunction } from '../../src/jit/index.ts';
import { batchNorm, conv } from '../../src/kernels/index.ts';
import { distance, numbers } from './agree.ts';

const same = {
  stride: [1, 1],
  dilation: [1, 1],
  pads: { top: 1, bottom: 1, left: 1, right: 1 },
  groups: 1,
} as const;

describe('a traced training step', () => {
  before(async () => {
    await tf.setBackend('cpu');
  });

  it('gives the same numbers from run to run', async () => {
    const { fn, specs, state, inputs } = smallNet();
    const [a, b] = [await jit(fn, specs), await jit(fn, specs)];
    const twice = [await a.run(state, inputs), await a.run(state, inputs), await b.run(state, inputs)];
    expect(twice[1]).to.deep.equal(twice[0]);
    expect(twice[2]).to.deep.equal(twice[0]);
    await a.release();
    await b.release();
  });

  it('trains as tf does: the update of every step, in norm', async () => {
    const { fn, specs, state, inputs } = smallNet();
    const step = await jit(fn, specs);
    let [traced, eager]: [Arrays, Arrays] = [state, state];
    for (let i = 0; i < 4; i++) {
      const rate = Float32Array.of(i === 2 ? 0.02 : 0.1);
      const before = eager;
      const result = await step.run(traced, { ...inputs, rate });
      traced = result.state;
      const there = eagerly(fn, specs, eager, { ...inputs, rate });
      eager = there.state;
      expect(
        distance(there.outputs['loss'] as Float32Array, result.outputs['loss'] as Float32Array),
      ).to.be.below(1e-4);
      let [difference, change] = [0, 0];
      for (const name of Object.keys(specs.state)) {
        for (const [j, value] of (eager[name] as Float32Array).entries()) {
          difference += (value - (traced[name]?.[j] ?? NaN)) ** 2;
          change += (value - (before[name]?.[j] ?? NaN)) ** 2;
        }
      }
      expect(Math.sqrt(difference / change), `step ${i}`).to.be.below(1e-3);
    }
    await step.release();
  });
});

/** Two convs, norms, a pool and a head on random images, with SGD and momentum. */
function smallNet(): {
  fn: TracedFunction;
  specs: { state: Record<string, Spec>; inputs: Record<string, Spec> };
  state: Arrays;
  inputs: Arrays;
} {
  const shapes: Record<string, number[]> = {
    k1: [3, 3, 1, 16],
    g1: [16],
    b1: [16],
    k2: [3, 3, 1, 16],
    g2: [16],
    b2: [16],
    k3: [1, 1, 16, 24],
    w: [24, 5],
  };
  const names = Object.keys(shapes);
  const specs: Record<string, Spec> = {};
  const state: Record<string, Float32Array> = {};
  for (const [i, name] of names.entries()) {
    const shape = shapes[name] ?? [];
    const size = shape.reduce((a, b) => a * b, 1);
    specs[name] = specs[`m/${name}`] = { shape };
    state[name] = numbers(size, i + 1).map((v) => (name.startsWith('g') ? 1 : 0.5 * v));
    state[`m/${name}`] = new Float32Array(size);
  }
  const fn: TracedFunction = (given, { x, y, rate }) => {
    const loss = (...p: tf.Tensor[]): tf.Scalar => {
      const at = (name: string): tf.Tensor => p[names.indexOf(name)] as tf.Tensor;
      let z: tf.Tensor = conv(x as tf.Tensor4D, at('k1') as tf.Tensor4D, same);
      z = tf.relu(batchNorm(z, at('g1') as tf.Tensor1D, at('b1') as tf.Tensor1D, 1e-3).y);
      z = conv(z as tf.Tensor4D, at('k2') as tf.Tensor4D, { ...same, groups: 16, stride: [2, 2] });
      z = tf.relu(batchNorm(z, at('g2') as tf.Tensor1D, at('b2') as tf.Tensor1D, 1e-3).y);
      z = conv(z as tf.Tensor4D, at('k3') as tf.Tensor4D, {
        ...same,
        pads: { top: 0, bottom: 0, left: 0, right: 0 },
      });
      z = tf.matMul(tf.mean(z, [1, 2]) as tf.Tensor2D, at('w') as tf.Tensor2D);
      return tf.losses.softmaxCrossEntropy(y as tf.Tensor, z) as tf.Scalar;
    };
    const { value, grads } = tf.valueAndGrads(loss)(names.map((name) => given[name] as tf.Tensor));
    const next: Record<string, tf.Tensor> = {};
    for (const [i, name] of names.entries()) {
      const momentum = tf.add(tf.mul(given[`m/${name}`] as tf.Tensor, 0.9), grads[i] as tf.Tensor);
      next[`m/${name}`] = momentum;
      next[name] = tf.sub(given[name] as tf.Tensor, tf.mul(momentum, rate as tf.Tensor));
    }
    return { state: next, outputs: { loss: value } };
  };
  const inputs = {
    x: numbers(8 * 100, 50),
    y: Float32Array.from({ length: 40 }, (_, i) => Number(i % 5 === Math.floor(i / 5) % 5)),
    rate: Float32Array.of(0.1),
  };
  return {
    fn,
    specs: {
      state: specs,
      inputs: { x: { shape: [8, 10, 10, 1] }, y: { shape: [8, 5] }, rate: { shape: [] } },
    },
    state,
    inputs,
  };
}

/** The same function on tf's current backend. */
function eagerly(
  fn: TracedFunction,
  specs: { state: Record<string, Spec>; inputs: Record<string, Spec> },
  state: Arrays,
  inputs: Arrays,
): { state: Arrays; outputs: Arrays } {
  const arrays = (tensors: Readonly<Record<string, tf.Tensor>>): Arrays =>
    Object.fromEntries(
      Object.entries(tensors).map(([name, t]) => [name, t.dataSync().slice() as Float32Array]),
    );
  let result: { state: Arrays; outputs: Arrays } = { state: {}, outputs: {} };
  tf.tidy(() => {
    const made = (rooms: Record<string, Spec>, values: Arrays): Record<string, tf.Tensor> =>
      Object.fromEntries(
        Object.entries(rooms).map(([name, spec]) => [
          name,
          tf.tensor(values[name] as Float32Array, [...spec.shape]),
        ]),
      );
    const results = fn(made(specs.state, state), made(specs.inputs, inputs));
    result = { state: arrays(results.state), outputs: arrays(results.outputs) };
  });
  return result;
}
