/** @file Law 6 for any task: one traced step changes the weights as an eager one does. */

import { expect } from 'chai';
import type { EngineName } from '../../src/engine/index.ts';
import type { Batch, Task } from '../../src/learn/task/index.ts';
import { type FitTaskOptions, fitTask, sgd } from '../../src/learn/train/index.ts';
import type { Net } from '../../src/weights/index.ts';
import { distance, oneUlpOff } from './nets.ts';

/** The same task, its images off by one ulp. */
const nudged = (task: Task, seed: number): Task => ({
  ...task,
  batches: (o) => {
    const next = task.batches(o);
    return async (step): Promise<Batch> => {
      const batch = await next(step);
      const off = oneUlpOff(batch.x, seed);
      return { ...batch, x: batch.x.map((v, i) => (v === 0 ? 0 : (off[i] as number))) }; // zero has no ulp
    };
  },
});

/**
 * |dW - dW'| / |dW| of one step of SGD, against ten times the most that one ulp of the images does in two tries, and
 * never above 5e-2.
 */
export async function expectTaskStepAgrees(
  net: Net,
  task: Task,
  o: Partial<FitTaskOptions> & { readonly batch?: number },
): Promise<void> {
  const change = async (engine: EngineName, t: Task): Promise<Float32Array[]> => {
    const all = { steps: 1, batch: 2, seed: 3, optimizer: sgd({ momentum: 0 }), rate: 0.01, ...o, engine };
    const { net: after } = await fitTask(net, t, all);
    return [...net.weights].map(([key, before]) => {
      const now = after.weights.get(key)?.data as Float32Array;
      return now.map((v, i) => v - (before.data[i] as number));
    });
  };
  const eager = await change('cpu', task);
  const traced = await change('onnxruntime', task);
  let chaos = 0;
  for (const seed of [1, 2])
    chaos = Math.max(chaos, distance(await change('cpu', nudged(task, seed)), eager));
  const moved = eager.some((d) => d.some((v) => v !== 0));
  expect(moved, 'the step changes something').to.equal(true);
  expect(distance(traced, eager), `one ulp of the images changes ${chaos}`).to.be.below(
    Math.min(5e-2, Math.max(10 * chaos, 1e-5)),
  );
}
