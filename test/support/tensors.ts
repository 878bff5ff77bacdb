/** @file tf on its JavaScript backend, with the count of tensors kept. */
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';

export const useCpu = async (): Promise<void> => {
  await tf.setBackend('cpu');
};

/** What `run` returns; no tensor that it makes outlives it. */
export async function leakless<T>(run: () => T | Promise<T>): Promise<T> {
  const before = tf.memory().numTensors;
  const result = await run();
  expect(tf.memory().numTensors - before, 'tensors leaked').to.equal(0);
  return result;
}

/** max |a - b| against max |b|, and never a NaN. */
export function expectClose(a: ArrayLike<number>, b: ArrayLike<number>, bound = 1e-4, what = ''): void {
  expect(a.length, what).to.equal(b.length);
  let [difference, size] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    const [x, y] = [a[i] as number, b[i] as number];
    difference = Math.max(difference, Number.isFinite(x) ? Math.abs(x - y) : Infinity);
    size = Math.max(size, Math.abs(y));
  }
  expect(difference, `${what}: of ${size}`).to.be.at.most(bound * Math.max(size, 1e-6));
}
