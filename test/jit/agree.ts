/** @file Runs the same function eagerly on tf's cpu backend and traced on onnxruntime, and compares. */

import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { expect } from 'chai';
import { type Arrays, jit, type Spec } from '../../src/jit/index.ts';
import { blockOf, loadRuntime, type Runtime } from '../../src/jit/runtime.ts';

/** Numbers in (-1, 1) that are the same in every run. */
export function numbers(size: number, seed = 1): Float32Array {
  let state = seed * 2654435761;
  return Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2147483648 - 1;
  });
}

export type Fn = (...x: tf.Tensor[]) => tf.Tensor | tf.Tensor[];

export const listOf = <T>(result: T | T[]): T[] => (Array.isArray(result) ? result : [result]);

/** The largest difference over the largest value. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).to.equal(b.length);
  let [most, scale] = [0, 1e-30];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] ?? NaN, b[i] ?? NaN];
    if (x === y || (Number.isNaN(x) && Number.isNaN(y))) continue;
    const difference = Math.abs(x - y);
    most = Number.isNaN(difference) ? Infinity : Math.max(most, difference);
    scale = Math.max(scale, Math.abs(x));
  }
  return most === 0
    ? 0
    : most / Math.max(scale, ...Array.from(a, (x) => (Number.isFinite(x) ? Math.abs(x) : 0)));
}

/** A function with the gradients of a weighted sum of its first result, as more results. */
export function withGradients(fn: Fn, count: number): Fn {
  return (...x) => {
    const results = listOf(fn(...x));
    const weighted = (...y: tf.Tensor[]): tf.Scalar => {
      const out = listOf(fn(...y, ...x.slice(count)))[0] as tf.Tensor;
      return tf.sum(tf.mul(out, tf.tensor(numbers(out.size, 77), out.shape)));
    };
    return [...results, ...tf.grads(weighted)(x.slice(0, count))];
  };
}

/** Traced results and eager ones, each as arrays. */
export async function both(
  fn: Fn,
  inputs: readonly tf.Tensor[],
  optimize = true,
  runtime?: Runtime,
): Promise<{
  traced: ArrayLike<number>[];
  eager: ArrayLike<number>[];
  shapes: number[][][];
  model: Uint8Array;
}> {
  const specs: Record<string, Spec> = {};
  const arrays: Record<string, Float32Array | Int32Array> = {};
  for (const [i, input] of inputs.entries()) {
    specs[`x${i}`] = { shape: input.shape, dtype: input.dtype === 'int32' ? 'int32' : 'float32' };
    arrays[`x${i}`] = input.dataSync().slice() as Float32Array | Int32Array;
  }
  const shapes: number[][][] = [[], []];
  const named = (results: tf.Tensor[], at: number): Record<string, tf.Tensor> => {
    shapes[at] = results.map((result) => result.shape);
    return Object.fromEntries(results.map((result, i) => [`y${i}`, result]));
  };
  const step = await jit(
    (_, x) => ({
      state: {},
      outputs: named(listOf(fn(...inputs.map((_, i) => x[`x${i}`] as tf.Tensor))), 0),
    }),
    { state: {}, inputs: specs },
    { optimize, ...(runtime ? { runtime } : {}) },
  );
  // a graph that onnxruntime refuses would be tried without blocked convs, and nobody would see that
  const block = optimize ? await blockOf(runtime ?? (await loadRuntime())) : undefined;
  expect(Buffer.from(step.model).includes('com.microsoft.nchwc'), 'blocked').to.equal(block !== undefined);
  const { outputs }: { outputs: Arrays } = await step.run({}, arrays);
  const { model } = step;
  await step.release();
  const eager = tf.tidy(() => {
    const results = listOf(fn(...inputs));
    named(results, 1);
    return results.map((result) => result.dataSync().slice());
  });
  return { traced: eager.map((_, i) => outputs[`y${i}`] as ArrayLike<number>), eager, shapes, model };
}

/** Asserts the law of agreement: each result within `bound` of its largest value. */
export async function expectAgreement(
  fn: Fn,
  inputs: readonly tf.Tensor[],
  bound = 1e-5,
  optimize = true,
): Promise<void> {
  const { traced, eager, shapes } = await both(fn, inputs, optimize);
  expect(shapes[0]).to.deep.equal(shapes[1]);
  for (const [i, result] of eager.entries()) {
    expect(distance(result, traced[i] as ArrayLike<number>), `result ${i}`).to.be.below(bound);
  }
}
