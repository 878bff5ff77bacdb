/** @file What tests of losses share: signals from plain tensors, and law 6 for one whole step of a pair of nets. */

import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import type { EngineName } from '../../src/engine/index.ts';
import type { Graph } from '../../src/graph/index.ts';
import type { Loss, LossMaker, Signals } from '../../src/learn/loss/index.ts';
import { type Batch, classification, type Scale, type Task } from '../../src/learn/task/index.ts';
import { rank2 } from '../../src/learn/tensors.ts';
import { fitTask } from '../../src/learn/train/index.ts';
import { random } from '../../src/random.ts';
import { materialize, type Net, type Weight, type WeightKey } from '../../src/weights/index.ts';
import { wrn } from '../../zoo/architectures/index.ts';
import { distance, oneUlpOff, shaken } from './nets.ts';

export const scalarOf = (t: tf.Tensor): number => (t.dataSync() as Float32Array)[0] as number;
/** max |a - b| */
export const gap = (a: tf.Tensor, b: tf.Tensor): number => scalarOf(tf.max(tf.abs(tf.sub(a, b))));
export const drawn = (shape: number[], seed: number): tf.Tensor =>
  tf.randomNormal(shape, 0, 1, 'float32', seed);

/** Signals whose values are given by id; what a test does not give throws when it is read. */
export function signals(given: {
  student?: Readonly<Record<string, tf.Tensor>>;
  teacher?: Readonly<Record<string, tf.Tensor>>;
  labels?: readonly number[];
  settings?: Readonly<Record<string, number>>;
  draws?: Readonly<Record<string, tf.Tensor>>;
  weights?: Readonly<Record<string, tf.Tensor>>;
  parameters?: Readonly<Record<string, tf.Tensor>>;
  x?: tf.Tensor;
  picks?: Readonly<Record<string, readonly number[]>>;
  examples?: readonly number[];
  variables?: Readonly<Record<string, tf.Tensor>>;
  /** Receives what is assigned. */
  assigned?: Record<string, tf.Tensor>;
}): Signals {
  const from =
    (what: string, all: Readonly<Record<string, tf.Tensor>> = {}) =>
    (id: string): tf.Tensor => {
      const found = all[id];
      if (!found) throw new Error(`the test gives no ${what} ${id}`);
      return found;
    };
  const labels = tf.tensor1d([...(given.labels ?? [0])], 'int32');
  return {
    x: given.x ?? tf.scalar(0),
    student: from('student', given.student),
    teacher: from('teacher', given.teacher),
    labels,
    labelShares: (classes) => rank2(tf.cast(tf.oneHot(labels, classes), 'float32')),
    target: from('target', { labels }),
    setting: (name) => tf.scalar(given.settings?.[name] ?? Number.NaN),
    draw: from('draw', given.draws),
    pick: (name) => tf.tensor1d([...(given.picks?.[name] ?? [])], 'int32'),
    examples: tf.tensor1d([...(given.examples ?? [])], 'int32'),
    variable: from('variable', given.variables),
    assign: (name, value) => {
      if (given.assigned) given.assigned[name] = value;
    },
    weight: from('weight', given.weights),
    parameter: from('parameter', given.parameters),
  };
}

export const size = 8;
export const tinyStudent = (): Graph => wrn({ depth: 10, size, channels: 1 });
export const tinyTeacher = (): Graph => wrn({ depth: 10, width: 2, size, channels: 1 });
export const tinyScale: Scale = { shape: [size, size, 1], mean: 0.4, std: 0.3 };
export function tinySplit(count = 40, seed = 1) {
  const source = random('tiny', seed);
  return {
    count,
    pixels: Uint8Array.from({ length: count * size * size }, () => source.below(256)),
    labels: Uint8Array.from({ length: count }, (_, i) => i % 10),
  };
}

/** The same batches, each input one ulp off. */
const ulpsOff = (task: Task, ulp: number): Task => ({
  ...task,
  batches: (o) => {
    const next = task.batches(o);
    return async (step): Promise<Batch> => {
      const batch = await next(step);
      return { ...batch, x: oneUlpOff(batch.x, ulp) };
    };
  },
});

export interface StepCase {
  readonly student?: Graph;
  readonly teacher?: Graph;
  readonly batch?: number;
}
/**
 * Law 6 for a step with these losses: |dW - dW'| / |dW| of the traced and the eager one, over the weights of student and
 * all that stands beside it, within ten times what one ulp of the input does to the eager one, and never above 5e-2.
 */
export async function expectStepAgrees(losses: readonly LossMaker[], o: StepCase = {}): Promise<void> {
  const student = shaken(o.student ?? tinyStudent(), 3);
  const teacher = shaken(o.teacher ?? tinyTeacher(), 4);
  const task = classification(tinySplit(), tinyScale);
  const values = (net: Net, key: WeightKey): Float32Array => materialize(net.weights.get(key) as Weight);
  const options = { steps: 1, batch: o.batch ?? 6, seed: 5, rate: 0.05, losses, teacher };
  const still = await fitTask(student, task, { ...options, rate: 0, optimizer: idle });
  const run = async (engine: EngineName, ulp = 0): Promise<Float32Array[]> => {
    const with_ = { ...options, engine };
    const done = await fitTask(student, ulp ? ulpsOff(task, ulp) : task, with_);
    return [...done.whole.weights.keys()]
      .filter((key) => !/:(mean|variance)$/.test(key))
      .map((key) => values(done.whole, key).map((v, i) => v - (values(still.whole, key)[i] as number)));
  };
  const eager = await run('wasm');
  expect(
    eager.some((d) => d.some((v) => v !== 0)),
    'the step moves weights',
  ).to.equal(true);
  let chaos = 0;
  for (const ulp of [1, 2]) chaos = Math.max(chaos, distance(await run('wasm', ulp), eager));
  const apart = distance(await run('onnxruntime'), eager);
  expect(apart, `one ulp of the input changes ${chaos}`).to.be.below(
    Math.min(5e-2, Math.max(10 * chaos, 1e-5)),
  );
}
const idle = {
  name: 'idle',
  slots: {},
  numbers: () => ({}),
  update: (weight: tf.Tensor) => ({ weight: tf.clone(weight), slots: {} }),
};

/** A loss's value and its gradient in one of the student's values. */
export function gradientIn(loss: Loss, id: string, given: Parameters<typeof signals>[0]): tf.Tensor {
  const at = given.student?.[id] as tf.Tensor;
  return tf.grad((x) => loss.compute(signals({ ...given, student: { ...given.student, [id]: x } })))(at);
}
