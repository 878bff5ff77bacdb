/**
 * @file Where a training step's time goes: its ops, by onnxruntime's own profile, beside the least that its convs' arithmetic
 * can take, which is that of a large matrix product in the same session options; and the peak memory of the process.
 *
 * `npx tsx scripts/bench/profile.ts ARCH... [--block 'G(4)'] [--batch 64] [--threads 2] [--steps 30] [--nodes 20] [--patterns]`
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { crossEntropy } from '../../src/learn/loss/index.ts';
import '@tensorflow/tfjs-backend-cpu';
import { Command } from 'commander';
import * as ort from 'onnxruntime-node';
import { peakMiB } from '../../src/bench/memory-of.ts';
import { median } from '../../src/bench/numbers.ts';
import { cheapen } from '../../src/edit/index.ts';
import { type Arrays, jit, type Specs } from '../../src/jit/index.ts';
import { type Runtime, sessionOptions } from '../../src/jit/runtime.ts';
import { sizeOf } from '../../src/jit/types.ts';
import { firstState, sgd, step as stepOf } from '../../src/learn/train/index.ts';
import { encodeModel } from '../../src/onnx/index.ts';
import { random } from '../../src/random.ts';
import { columns, cost } from '../../src/read/index.ts';
import { init } from '../../src/weights/index.ts';
import { compose } from '../../zoo/index.ts';

const program = new Command()
  .argument('<arch...>', 'a name with key=value options')
  .option('--block <block>', 'a cheap block in place of its own')
  .option('--batch <n>', 'images of a step', '64')
  .option('--threads <n>', 'of onnxruntime', '2')
  .option('--steps <n>', 'medians are of so many', '30')
  .option('--nodes <n>', 'of the slowest nodes, with the shapes they read', '0')
  .option('--patterns', "with onnxruntime's memory patterns, which Moonlet turns off")
  .parse();
const o = program.opts<{
  block?: string;
  batch: string;
  threads: string;
  steps: string;
  nodes: string;
  patterns?: true;
}>();
const [batch, threads, steps] = [Number(o.batch), Number(o.threads), Number(o.steps)];

const whole = compose(program.args.join(' '));
const graph = o.block ? cheapen(whole, o.block) : whole;
await tf.setBackend('cpu');
const plan = stepOf({
  graph,
  losses: [crossEntropy()({ student: graph })],
  optimizer: sgd({ nesterov: true }),
  batch,
});

interface Event {
  readonly cat: string;
  readonly name: string;
  readonly dur: number;
  readonly args: { readonly op_name: string; readonly input_type_shape: readonly Record<string, number[]>[] };
}
/** An onnxruntime whose sessions write profiles, and the milliseconds of each op of its last session, run by run. */
function profiled(): { runtime: Runtime; times: () => Map<string, number[]> } {
  const folder = mkdtempSync(join(tmpdir(), 'profile-'));
  let last: { session: ort.InferenceSession; file: string } | undefined;
  let count = 0;
  const create = async (model: Uint8Array, options: ort.InferenceSession.SessionOptions) => {
    const file = `p${count++}-`;
    const session = await ort.InferenceSession.create(model, {
      ...options,
      ...(o.patterns ? { enableMemPattern: true } : {}),
      enableProfiling: true,
      profileFilePrefix: join(folder, file),
    });
    last = { session, file };
    return session;
  };
  const runtime = { Tensor: ort.Tensor, InferenceSession: { create } } as unknown as Runtime;
  return {
    runtime,
    times: () => {
      last?.session.endProfiling();
      const file = readdirSync(folder).find((name) => name.startsWith(last?.file ?? ''));
      const times = readTimes(join(folder, file as string));
      rmSync(folder, { recursive: true });
      return times;
    },
  };
}

function readTimes(file: string): Map<string, number[]> {
  const events = JSON.parse(readFileSync(file, 'utf8')) as Event[];
  const times = new Map<string, number[]>();
  for (const { cat, name, dur, args } of events) {
    if (cat !== 'Node' || !name.endsWith('kernel_time')) continue;
    const shapes = args.input_type_shape.map((input) => `[${Object.values(input)[0]?.join() ?? ''}]`);
    const key = `${args.op_name} ${shapes.join(' ')} ${name.replace('_kernel_time', '')}`;
    times.set(key, [...(times.get(key) ?? []), dur / 1000]);
  }
  return times;
}

const source = random('profile');
const filled = (specs: Specs): Arrays =>
  Object.fromEntries(
    Object.entries(specs).map(([name, { shape, dtype }]) => {
      const numbers = Array.from({ length: sizeOf(shape) }, () => (dtype === 'int32' ? 1 : source.uniform()));
      return [name, dtype === 'int32' ? Int32Array.from(numbers) : Float32Array.from(numbers)];
    }),
  );
const step = profiled();
const traced = await jit(plan.fn, plan.specs, { threads, runtime: step.runtime });
const state = firstState(init(graph, { seed: 1 }), plan.specs.state);
const inputs = filled(plan.specs.inputs);
for (let i = 0; i < steps; i++) await traced.run(state, inputs);
const times = step.times();
await traced.release();
const peak = peakMiB();
const byOp = new Map<string, { count: number; ms: number }>();
for (const [key, list] of times) {
  const op = key.split(' ')[0] as string;
  const { count, ms } = byOp.get(op) ?? { count: 0, ms: 0 };
  byOp.set(op, { count: count + 1, ms: ms + median(list) });
}
const total = [...byOp.values()].reduce((n, { ms }) => n + ms, 0);
const rows = [...byOp]
  .sort(([, a], [, b]) => b.ms - a.ms)
  .slice(0, 15)
  .map(([op, { count, ms }]) => [op, `${count}`, ms.toFixed(2), `${((100 * ms) / total).toFixed(1)} %`]);
console.log(
  `${graph.name}, batch ${batch}, ${threads} threads: ${total.toFixed(1)} ms in ${times.size} ops; peak memory ${peak.toFixed(0)} MiB`,
);
console.log(columns([['op', 'how many', 'ms', 'share'], ...rows]));
const slowest = [...times].map(([key, list]) => [key, median(list)] as const).sort((a, b) => b[1] - a[1]);
if (Number(o.nodes) > 0)
  console.log(
    columns([['node', 'ms'], ...slowest.slice(0, Number(o.nodes)).map(([key, ms]) => [key, ms.toFixed(2)])]),
  );

const size = 1024;
const square = encodeModel({
  name: 'product',
  nodes: [{ opType: 'MatMul', inputs: ['a', 'b'], outputs: ['c'] }],
  initializers: [],
  inputs: ['a', 'b'].map((name) => ({ name, dtype: 'float32' as const, shape: [size, size] })),
  outputs: [{ name: 'c', dtype: 'float32', shape: [size, size] }],
  domains: {},
});
const numbers = new ort.Tensor('float32', new Float32Array(size * size).fill(0.5), [size, size]);
const multiply = profiled();
const multiplier = await multiply.runtime.InferenceSession.create(square, sessionOptions(threads));
for (let i = 0; i < steps; i++) await multiplier.run({ a: numbers, b: numbers });
const [product] = [...multiply.times().values()];
const rate = size ** 3 / median(product as number[]); // multiply-adds a millisecond
const macs = 3 * cost(graph).macs * batch; // forward, and both gradients
console.log(
  `multiply-adds of the step: ${(macs / 1e9).toFixed(2)} G; at the pace of a product of ${size}: ${(macs / rate).toFixed(1)} ms`,
);
