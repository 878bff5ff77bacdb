/**
 * @file Where a training step spends its time on onnxruntime-web, beside the native runtime, each on one thread in Node. For each kind of
 * node: how many there are, and the sum of the least times of each node over some steps, which depends little on what else the machine does.
 * Profiling adds a few microseconds to each node. Then, without profiling, the least CPU time of a step, and the pace of a large matrix product.
 *
 *   npx tsx scripts/bench/web-profile.ts [T1|T2|T4] [--steps 40] [--rounds 3] [--nodes 20]
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { caseOf } from '../../src/bench/cases.ts';
import { type Step, training } from '../../src/bench/training.ts';
import { print } from '../../src/cli/say.ts';
import type { Runtime } from '../../src/jit/runtime.ts';
import { encodeModel } from '../../src/onnx/index.ts';
import { random } from '../../src/random.ts';
import { columns, cost } from '../../src/read/index.ts';
import { init } from '../../src/weights/index.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    steps: { type: 'string', default: '40' },
    rounds: { type: 'string', default: '3' },
    nodes: { type: 'string', default: '20' },
    child: { type: 'string' },
    folder: { type: 'string', default: '' },
  },
});
const [given = 'T1'] = positionals;
const names = ['T1', 'T2', 'T4'] as const;
const name = names.find((one) => one === given);
if (!name) throw new Error(`no case ${given}; known: ${names.join(', ')}`);
const steps = Number(flags.steps);
const { graph, batch } = caseOf(name);

type Engine = 'web' | 'native';
const engines: readonly Engine[] = ['web', 'native'];

/** Sessions of models that are smaller only ask what the runtime can do. */
const smallest = 10_000;

/** The runtime on one thread; a profile of the step goes to a file of `folder`, or from WebAssembly to standard output. */
async function runtimeOf(
  engine: Engine,
  isProfiled: boolean,
): Promise<{ runtime: Runtime; end: () => void }> {
  const web = engine === 'web' ? await import('onnxruntime-web/wasm') : undefined;
  if (web) web.env.wasm.numThreads = 1;
  const { InferenceSession, Tensor } = web ?? (await import('onnxruntime-node'));
  const sessions: { endProfiling(): void }[] = [];
  const create = async (model: Uint8Array, options: object) => {
    const enableProfiling = isProfiled && model.byteLength > smallest;
    const profile = { enableProfiling, profileFilePrefix: join(flags.folder, 'profile') };
    const session = await InferenceSession.create(
      model,
      enableProfiling ? { ...options, ...profile } : options,
    );
    if (enableProfiling) sessions.push(session);
    return session;
  };
  const runtime = { Tensor, InferenceSession: { create } } as unknown as Runtime;
  return { runtime, end: () => sessions.at(-1)?.endProfiling() };
}

function stepOn(runtime: Runtime): Promise<Step> {
  const { normal } = random('web-profile', given);
  const job = { case: name as 'T1', kind: 'train', batch, rate: 1e-3, pairs: [], quick: false } as const;
  const x = Float32Array.from({ length: batch * 28 * 28 }, normal);
  const labels = Int32Array.from({ length: batch }, (_, i) => i % 10);
  const net = init(graph, { seed: 1 });
  return training({ job, net, teacher: undefined, x, labels }, { runtime, threads: 1 });
}

/** The least milliseconds of CPU time of some runs. */
async function leastOf(run: () => Promise<unknown>, count: number): Promise<number> {
  let least = Infinity;
  for (let i = 0; i < count; i++) {
    const before = process.cpuUsage();
    await run();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

/** The rows of a large square matrix. */
const size = 1024;

/** The least time of its product with another. */
async function product({ InferenceSession, Tensor }: Runtime): Promise<number> {
  const model = encodeModel({
    name: 'product',
    nodes: [{ opType: 'MatMul', inputs: ['a', 'b'], outputs: ['c'] }],
    initializers: [],
    inputs: ['a', 'b'].map((input) => ({ name: input, dtype: 'float32', shape: [size, size] })),
    outputs: [{ name: 'c', dtype: 'float32', shape: [size, size] }],
    domains: {},
  });
  const session = await InferenceSession.create(model, { intraOpNumThreads: 1 });
  const a = new Tensor('float32', new Float32Array(size * size).fill(0.5), [size, size]);
  return leastOf(() => session.run({ a, b: a }), Math.min(steps, 10));
}

async function child(kind: string): Promise<void> {
  const [engine, what] = kind.split(' ');
  const { runtime, end } = await runtimeOf(engine === 'web' ? 'web' : 'native', what === 'profile');
  const step = await stepOn(runtime);
  const least = await leastOf(() => step.run(), steps);
  end();
  if (what === 'times') print(JSON.stringify([least, await product(runtime)]));
  process.exit(0); // WebAssembly's threads would keep the process
}

/** What a process of its own prints; a file takes all that is printed at once, where a pipe loses lines. */
function ran(kind: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'moonlet-profile-'));
  const args = ['--import', 'tsx', fileURLToPath(import.meta.url), given, '--steps', flags.steps];
  const file = join(folder, 'out');
  spawnSync(process.execPath, [...args, '--child', kind, '--folder', folder], {
    stdio: ['ignore', openSync(file, 'w'), 'ignore'],
  });
  const profile = readdirSync(folder).find((one) => one.startsWith('profile'));
  const text = readFileSync(profile ? join(folder, profile) : file, 'utf8');
  rmSync(dirname(file), { recursive: true });
  return text;
}

interface Event {
  readonly name: string;
  readonly dur: number;
  readonly args: { readonly op_name?: string; readonly output_type_shape?: unknown };
}
interface Timed {
  readonly op: string;
  readonly shape: string;
  readonly least: number;
}

/** The least time of each node of the step. */
function profileOf(engine: Engine): readonly Timed[] {
  const nodes = new Map<string, Timed>();
  for (const line of ran(`${engine} profile`).split('\n')) {
    const event = line
      .trim()
      .replace(/^\[/, '')
      .replace(/[,\]]+$/, '');
    if (!event.startsWith('{"cat"')) continue;
    const { name: node, dur, args: about }: Event = JSON.parse(event);
    if (!node.endsWith('_kernel_time')) continue;
    const shape = JSON.stringify(about.output_type_shape);
    const known = nodes.get(node) ?? { op: about.op_name ?? '', shape, least: Infinity };
    nodes.set(node, { ...known, least: Math.min(known.least, dur / 1000) });
  }
  return [...nodes.values()];
}

const kinds: Readonly<Record<string, readonly string[]>> = {
  'convs and matrix products': ['Conv', 'ConvTranspose', 'MatMul', 'FusedMatMul', 'Gemm'],
  'sums and pools': [
    'GlobalAveragePool',
    'AveragePool',
    'MaxPool',
    'ReduceSum',
    'ReduceMean',
    'ReduceMax',
    'Softmax',
    'LogSoftmax',
  ],
  'moves and copies': [
    'Transpose',
    'Gather',
    'Slice',
    'Concat',
    'Split',
    'Pad',
    'Expand',
    'Cast',
    'ReorderInput',
    'ReorderOutput',
    'ScatterElements',
  ],
  reshapes: ['Reshape', 'Identity'],
};
const others = 'norms and elementwise ops';
const kindOf = ({ op }: Timed): string =>
  Object.keys(kinds).find((kind) => kinds[kind]?.includes(op)) ?? others;
const total = (of: readonly Timed[]): number => of.reduce((sum, { least }) => sum + least, 0);

function report(): void {
  const profiles = engines.map(profileOf);
  const row = (kind: string, of: readonly (readonly Timed[])[]): string[] => {
    const [web = 0, native = 0] = of.map(total);
    const cells = of.flatMap((list) => [`${list.length}`, total(list).toFixed(2)]);
    return [kind, ...cells, native > 0 ? (web / native).toFixed(1) : ''];
  };
  const rows = [...Object.keys(kinds), others].map((kind) =>
    row(
      kind,
      profiles.map((list) => list.filter((one) => kindOf(one) === kind)),
    ),
  );
  print(`${given}, batch ${batch}, one thread`);
  const head = ['kind', 'nodes', 'wasm, ms', 'nodes', 'native, ms', 'ratio'];
  print(columns([head, ...rows, row('all', profiles)]));
  print('');
  const [web = []] = profiles;
  const ops = [...new Set(web.map(({ op }) => op))].map((op) => web.filter((one) => one.op === op));
  const byOp = ops.sort((a, b) => total(b) - total(a)).slice(0, 12);
  print(columns(byOp.map((of) => [of[0]?.op ?? '', `${of.length}`, total(of).toFixed(2)])));
  print('');
  const slowest = [...web].sort((a, b) => b.least - a.least).slice(0, Number(flags.nodes));
  print(columns(slowest.map(({ op, shape, least }) => [least.toFixed(2), op, shape])));
  times();
}

/** The step without profiling, and what its convs would take at the pace of a large product. */
function times(): void {
  const least = engines.map(() => [Infinity, Infinity] as [number, number]);
  for (let round = 0; round < Number(flags.rounds); round++)
    engines.forEach((engine, i) => {
      const found = JSON.parse(ran(`${engine} times`).trim().split('\n').at(-1) ?? '') as [number, number];
      least[i] = [
        Math.min(least[i]?.[0] ?? Infinity, found[0]),
        Math.min(least[i]?.[1] ?? Infinity, found[1]),
      ];
    });
  const macs = 3 * cost(graph).macs * batch; // forward, and both gradients
  const pace = least.map(([, ms]) => size ** 3 / ms); // multiply-adds a millisecond
  const ratio = ([a = 0, b = 1]: readonly number[]): string => (a / b).toFixed(2);
  const line = (what: string, of: readonly number[], digits = 2): string[] => [
    what,
    ...of.map((n) => n.toFixed(digits)),
    ratio(of),
  ];
  print('');
  print(
    columns([
      ['', 'wasm', 'native', 'ratio'],
      line(
        'a step, ms of CPU time',
        least.map(([step]) => step),
      ),
      line(
        `a product of ${size} rows, ms`,
        least.map(([, ms]) => ms),
      ),
      line(
        'G multiply-adds a second of that product',
        pace.map((n) => n / 1e6),
        1,
      ),
      line(
        `${(macs / 1e6).toFixed(0)} M multiply-adds of the step's convs at that pace, ms`,
        pace.map((n) => macs / n),
      ),
    ]),
  );
}

if (flags.child) await child(flags.child);
else report();
