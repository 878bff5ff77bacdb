/** @file The training step of a case, as `fit` and `distill` run it, in Node and in browsers. */

import { compile, type EngineOptions, prepare } from '../engine/index.ts';
import { attention } from '../learn/distill/index.ts';
import { crossEntropy } from '../learn/loss/index.ts';
import { firstState, sgd, step as stepOf } from '../learn/train/index.ts';
import { teachersOf } from '../learn/train/teachers.ts';
import type { Net } from '../weights/index.ts';
import type { Job } from './types.ts';

export interface Step {
  run(): Promise<void>;
  /** Of the last step; undefined in inference. */
  loss(): number | undefined;
  release(): Promise<void>;
}
export interface Material {
  readonly job: Job;
  readonly net: Net;
  readonly teacher: Net | undefined;
  readonly x: Float32Array;
  readonly labels: Int32Array;
}
/** Cross-entropy, with a teacher attention transfer too, and SGD with Nesterov momentum. */
export async function training(
  { net, teacher, job, x, labels }: Material,
  options: EngineOptions,
): Promise<Step> {
  const { batch, rate } = job;
  const losses = [crossEntropy(), ...(teacher ? [attention()] : [])].map((make) =>
    make({ student: net.graph, teacher: teacher?.graph }),
  );
  const [taught] = teachersOf(losses, { ...(teacher ? { teacher } : {}) });
  const guide = taught && (await compile(taught.teacher, { ...options, values: taught.ids }));
  const plan = stepOf({
    graph: net.graph,
    losses,
    optimizer: sgd({ nesterov: true }),
    batch,
    ...(guide ? { teacher: guide.shapes } : {}),
  });
  const runner = await prepare(plan.fn, plan.specs, options);
  const scalar = (value: number): Float32Array => Float32Array.of(value);
  const fixed: Record<string, Float32Array | Int32Array> = { x, labels, rate: scalar(rate) };
  for (const l of losses) fixed[`loss/${l.name}`] = scalar(Number(l.weight));
  let state = firstState(net, plan.specs.state);
  let loss = Number.NaN;
  return {
    run: async () => {
      const inputs = { ...fixed };
      for (const [id, value] of guide ? await guide.run(x) : []) inputs[`teacher/${id}`] = value;
      const done = await runner.run(state, inputs);
      state = done.state;
      loss = Number(done.outputs['loss']?.[0]);
    },
    loss: () => loss,
    release: async () => {
      await runner.release();
      await guide?.release();
    },
  };
}
