/** @file A task done on the processor that this process has, by the code paths that `fit`, `compile` and a stranger take. */

import type { InferenceSession } from 'onnxruntime-common';
import { compile, type EngineName, prepare } from '../../src/engine/index.ts';
import { inputShape, onlyOutput } from '../../src/graph/index.ts';
import { type Arrays, jit, type Runtime } from '../../src/jit/index.ts';
import { crossEntropy } from '../../src/learn/loss/index.ts';
import { firstState, sgd, step } from '../../src/learn/train/index.ts';
import type { Net } from '../../src/weights/index.ts';
import type { Task } from './task-files.ts';

/** The step that is held to law 6: cross-entropy, SGD with Nesterov momentum. */
export const planOf = ({ graph }: Net, batch: number): ReturnType<typeof step> =>
  step({
    graph,
    losses: [crossEntropy({ labelSmoothing: 0.1 })({ student: graph })],
    optimizer: sgd({ nesterov: true, weightDecay: 5e-4 }),
    batch,
  });

/** What the weights change by in one step on an eager engine. */
export async function eagerStep({ net, batch, inputs }: Task, engine: EngineName): Promise<Arrays> {
  const plan = planOf(net, batch);
  const ready = await prepare(plan.fn, plan.specs, { engine });
  const before = firstState(net, plan.specs.state);
  const { state } = await ready.run(before, inputs);
  await ready.release();
  return changeOf(before, state);
}

/**
 * The same step traced. @throws Error when the processor has blocks and onnxruntime refused the graph that uses them, which
 * the engine itself would pass over by running plain convs.
 */
async function tracedStep(
  { net, batch, inputs }: Task,
  runtime: Runtime,
  block: number | undefined,
): Promise<Arrays> {
  const plan = planOf(net, batch);
  const ready = await jit(plan.fn, plan.specs, { runtime });
  const before = firstState(net, plan.specs.state);
  const { state } = await ready.run(before, inputs);
  const change = changeOf(before, state);
  // behind the run, since onnxruntime may refuse a graph as late as that
  if (block && !Buffer.from(ready.model).includes('com.microsoft.nchwc'))
    throw new Error(`onnxruntime refused the step in blocks of ${block}; plain convs would have taken over`);
  await ready.release();
  return change;
}

function changeOf(before: Arrays, after: Arrays): Arrays {
  const change = (key: string): Float32Array => {
    const then = before[key] as Float32Array;
    return Float32Array.from(after[key] as Float32Array, (v, i) => v - (then[i] as number));
  };
  const keys = Object.keys(before).filter((key) => key.startsWith('weight/'));
  return Object.fromEntries(keys.map((key) => [key, change(key)]));
}

async function compiled({ net, inputs }: Task, runtime: Runtime): Promise<Float32Array> {
  const runner = await compile(net, { runtime });
  const values = await runner.run(inputs['x'] as Float32Array);
  await runner.release();
  return Float32Array.from(values.get(onlyOutput(net.graph)) as Float32Array);
}

/** The exported file as others run it: no option is set. */
async function exported({ net, batch, inputs, model }: Task, ort: Runtime): Promise<Float32Array> {
  const session: InferenceSession = await ort.InferenceSession.create(model as Uint8Array);
  const [input = '', output = ''] = [session.inputNames[0], session.outputNames[0]];
  const x = new ort.Tensor('float32', inputs['x'] as Float32Array, [batch, ...inputShape(net.graph)]);
  const y = Float32Array.from((await session.run({ [input]: x }))[output]?.data as Float32Array);
  await session.release();
  return y;
}

/** @param block what the probe found on this processor. */
export async function perform(task: Task, runtime: Runtime, block: number | undefined): Promise<Arrays> {
  if (task.kind === 'step') return tracedStep(task, runtime, block);
  if (task.kind === 'infer') return { compiled: await compiled(task, runtime) };
  return { compiled: await compiled(task, runtime), file: await exported(task, runtime) };
}
