/**
 * @file Where a training step's time goes: its ops, by onnxruntime's own profile, beside the least that its convs' arithmetic
 * can take, which is that of a large matrix product in the same session options.
 *
 * `npx tsx scripts/bench-profile.ts ARCH... [--block 'G(4)'] [--batch 64] [--threads 2] [--steps 30] [--nodes 20]`
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { Command } from 'commander';
import * as ort from 'onnxruntime-node';
import { cheapen } from '../src/edit/index.ts';
import { jit, type Specs } from '../src/jit/index.ts';
import { sessionOptions } from '../src/jit/runtime.ts';
import { sizeOf } from '../src/jit/types.ts';
import { crossEntropy, firstState, sgd, step as stepOf } from '../src/learn/index.ts';
import { encodeModel } from '../src/onnx/index.ts';
import { random } from '../src/random.ts';
import { cost } from '../src/read/cost.ts';
import { columns } from '../src/read/show.ts';
import { init } from '../src/weights/index.ts';
import { compose } from '../zoo/index.ts';
import { median } from './bench/numbers.ts';

const program = new Command()
  .argument('<arch...>', 'a name with key=value options')
  .option('--block <block>', 'a cheap block in place of its own')
  .option('--batch <n>', 'images of a step', '64')
  .option('--threads <n>', 'of onnxruntime', '2')
  .option('--steps <n>', 'medians are of so many', '30')
  .option('--nodes <n>', 'of the slowest nodes, with the shapes they read', '0')
  .parse();
const o = program.opts<{ block?: string; batch: string; threads: string; steps: string; nodes: string }>();
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
const traced = await jit(plan.fn, plan.specs, { threads });
await traced.release();

interface Event {
  readonly cat: string;
  readonly name: string;
  readonly dur: number;
  readonly args: { readonly op_name: string; readonly input_type_shape: readonly Record<string, number[]>[] };
}
/** Milliseconds of each op, run by run. */
async function profile(model: Uint8Array, feeds: Record<string, ort.Tensor>): Promise<Map<string, number[]>> {
  const folder = mkdtempSync(join(tmpdir(), 'profile-'));
  const options = { ...sessionOptions(threads), enableProfiling: true, profileFilePrefix: join(folder, 'p') };
  const session = await ort.InferenceSession.create(model, options);
  for (let i = 0; i < steps; i++) await session.run(feeds);
  session.endProfiling();
  await session.release();
  const [file] = readdirSync(folder);
  const events = JSON.parse(readFileSync(join(folder, file as string), 'utf8')) as Event[];
  rmSync(folder, { recursive: true });
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
const feed = (specs: Specs, room: string, state: Readonly<Record<string, ArrayLike<number>>> = {}) =>
  Object.entries(specs).map(([name, { shape, dtype }]) => {
    const given =
      state[name] ?? Array.from({ length: sizeOf(shape) }, () => (dtype === 'int32' ? 1 : source.uniform()));
    const data = dtype === 'int32' ? Int32Array.from(given) : Float32Array.from(given);
    return [`${room}/${name}`, new ort.Tensor(dtype ?? 'float32', data as Float32Array, [...shape])] as const;
  });
const first = firstState(init(graph, { seed: 1 }), plan.specs.state);
const times = await profile(
  traced.model,
  Object.fromEntries([...feed(plan.specs.state, 'state', first), ...feed(plan.specs.inputs, 'inputs')]),
);
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
console.log(`${graph.name}, batch ${batch}, ${threads} threads: ${total.toFixed(1)} ms in ${times.size} ops`);
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
const [product] = [...(await profile(square, { a: numbers, b: numbers })).values()];
const rate = size ** 3 / median(product as number[]); // multiply-adds a millisecond
const macs = 3 * cost(graph).macs * batch; // forward, and both gradients
console.log(
  `multiply-adds of the step: ${(macs / 1e9).toFixed(2)} G; at the pace of a product of ${size}: ${(macs / rate).toFixed(1)} ms`,
);
