/** @file Integer nets: on any processor, in the exported file and compiled, they give their simulation's numbers. */
import { quantizeByData } from '../../src/compress/index.ts';
import { loadDataset, take } from '../../src/data/index.ts';
import type { Graph } from '../../src/graph/index.ts';
import { inputShape } from '../../src/graph/index.ts';
import type { Arrays } from '../../src/jit/index.ts';
import { passes } from '../../src/learn/task/index.ts';
import { encodeModel } from '../../src/onnx/index.ts';
import { toOnnx } from '../../src/read/onnx.ts';
import type { Net } from '../../src/weights/index.ts';
import { calibrated } from '../../test/support/calibrated.ts';
import { examples, sizeOf } from '../../test/support/nets.ts';
import { runForward } from '../../test/support/run.ts';
import { loadStudent, readCard } from '../../zoo/index.ts';
import type { Judgement, Prepared } from './laws.ts';
import type { Task } from './task-files.ts';

/** What is promised: so many of the logits lie within one step of the simulation's. */
const promised = 0.99;

interface Simulated {
  readonly task: Task;
  /** The logits of the net in floats that are rounded as its integers are. */
  readonly right: Float32Array;
  /** One step of the last code. */
  readonly scale: number;
}

async function simulated(
  net: Net,
  calibration: readonly Float32Array[],
  x: Float32Array,
): Promise<Simulated> {
  const q = await quantizeByData(net, [...calibration], { outputs: true });
  const last = q.graph.nodes.find(({ id }) => id === q.graph.outputs[0])?.op;
  if (last?.kind !== 'quantize') throw new Error(`${net.graph.name}: the output has no step`);
  const batch = x.length / sizeOf(inputShape(net.graph));
  const task: Task = { kind: 'integers', net: q, batch, inputs: { x }, model: encodeModel(toOnnx(q)) };
  return { task, right: await runForward(q, x), scale: last.scale };
}

/** Four nets of drawn weights together: in single ones a code on its edge decides between 97 and 100 %. */
export async function randomIntegers(make: () => Graph): Promise<Prepared> {
  const all: Simulated[] = [];
  for (const seed of [1, 2, 3, 4]) {
    const net = await calibrated(make(), seed);
    const x = examples(net.graph, 40);
    all.push(await simulated(net, [x], x));
  }
  return agreeing(all);
}

/** A student that ships, on real images. */
export async function shippedIntegers(name: string): Promise<Prepared> {
  const data = await loadDataset(readCard(name).data);
  const seen = [...passes(take(data.train, 128, 1), data, 64)].map((batch) => batch.x);
  const [batch] = [...passes(take(data.test, 200, 1), data, 200)];
  return agreeing([await simulated(loadStudent(name), seen, batch?.x ?? new Float32Array())]);
}

const agreeing = (all: readonly Simulated[]): Prepared => ({
  tasks: all.map(({ task }) => task),
  judge: (results) => {
    const of = (form: 'compiled' | 'file'): Float32Array[] =>
      all.map(({ right, scale }, i) => stepsApart(results[i]?.[form], right, scale));
    return agreement(of('compiled'), of('file'));
  },
});

/** How many steps each logit is off; all of them when the result is of another length. */
function stepsApart(found: Arrays[string] | undefined, right: Float32Array, scale: number): Float32Array {
  return right.map((v, i) => Math.abs((found?.[i] ?? Number.POSITIVE_INFINITY) - v) / scale);
}

/** The mean of the nets' shares within a step, for the worse of the two forms. */
export function agreement(compiled: readonly Float32Array[], file: readonly Float32Array[]): Judgement {
  const share = (apart: Float32Array): number => apart.filter((d) => d < 1.001).length / apart.length;
  const mean = (nets: readonly Float32Array[]): number =>
    nets.reduce((sum, apart) => sum + share(apart), 0) / nets.length;
  const shares = [mean(compiled), mean(file)];
  const most = Math.max(...[...compiled, ...file].map((apart) => apart.reduce((a, b) => Math.max(a, b), 0)));
  const percent = shares.map((s) => `${(100 * s).toFixed(1)} %`);
  return {
    isRight: shares.every((s) => s >= promised),
    difference: `${percent[0]} compiled, ${percent[1]} file; at most ${most.toFixed(1)} steps`,
    bound: `>= ${100 * promised} % within a step`,
  };
}
