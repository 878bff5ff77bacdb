/**
 * @file Where a training step spends its time on onnxruntime-web, on one thread in Node: for each node the least time of some steps, summed
 * by op, and the slowest nodes. Such a sum depends little on what else the machine does.
 *
 *   npx tsx scripts/bench/web-profile.ts [T1|T2|T4] [--steps 30] [--nodes 20]
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { caseOf } from '../../src/bench/cases.ts';
import { training } from '../../src/bench/training.ts';
import { print } from '../../src/cli/say.ts';
import type { Runtime } from '../../src/jit/runtime.ts';
import { random } from '../../src/random.ts';
import { init } from '../../src/weights/index.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    steps: { type: 'string', default: '30' },
    nodes: { type: 'string', default: '20' },
    child: { type: 'boolean', default: false },
  },
});
const [name = 'T1'] = positionals;
if (name !== 'T1' && name !== 'T2' && name !== 'T4') throw new Error(`no case ${name}; known: T1, T2, T4`);

/** Runs the steps with onnxruntime's profile, which WebAssembly prints. */
async function profiled(): Promise<void> {
  const { env, InferenceSession, Tensor } = await import('onnxruntime-web/wasm');
  env.wasm.numThreads = 1;
  const sessions: { endProfiling(): void }[] = [];
  const create = async (model: Uint8Array, options: object) => {
    // the sessions that ask what the runtime can do are small
    const isStep = model.byteLength > 10_000;
    const session = await InferenceSession.create(model, { ...options, enableProfiling: isStep });
    if (isStep) sessions.push(session);
    return session;
  };
  const runtime = { Tensor, InferenceSession: { create } } as unknown as Runtime;
  const { graph, batch } = caseOf(name as 'T1');
  const { normal } = random('web-profile', name);
  const step = await training(
    {
      job: { case: name as 'T1', kind: 'train', batch, rate: 1e-3, pairs: [], quick: false },
      net: init(graph, { seed: 1 }),
      teacher: undefined,
      x: Float32Array.from({ length: batch * 28 * 28 }, normal),
      labels: Int32Array.from({ length: batch }, (_, i) => i % 10),
    },
    { runtime, threads: 1 },
  );
  for (let i = 0; i < Number(flags.steps); i++) await step.run();
  sessions.at(-1)?.endProfiling();
  process.exit(0);
}

interface Event {
  readonly name: string;
  readonly dur: number;
  readonly args: { readonly op_name?: string; readonly output_type_shape?: unknown };
}

function report(): void {
  const args = ['--import', 'tsx', fileURLToPath(import.meta.url), name, '--steps', flags.steps, '--child'];
  // a file takes all that is printed at once; a pipe loses lines
  const file = join(mkdtempSync(join(tmpdir(), 'moonlet-profile-')), 'profile.json');
  spawnSync(process.execPath, args, { stdio: ['ignore', openSync(file, 'w'), 'inherit'] });
  const stdout = readFileSync(file, 'utf8');
  rmSync(dirname(file), { recursive: true });
  const nodes = new Map<string, { op: string; shape: string; least: number }>();
  for (const line of stdout.split('\n')) {
    if (!line.startsWith('{"cat"')) continue;
    const { name: node, dur, args: about }: Event = JSON.parse(line.replace(/,\s*$/, ''));
    if (!node.endsWith('_kernel_time')) continue;
    const shape = JSON.stringify(about.output_type_shape);
    const known = nodes.get(node) ?? { op: about.op_name ?? '', shape, least: Infinity };
    nodes.set(node, { ...known, least: Math.min(known.least, dur / 1000) });
  }
  const all = [...nodes.values()];
  const total = (of: typeof all): number => of.reduce((sum, { least }) => sum + least, 0);
  print(`${name}: ${total(all).toFixed(1)} ms in ${all.length} nodes`);
  const ops = [...new Set(all.map(({ op }) => op))].map((op) => ({ op, of: all.filter((n) => n.op === op) }));
  for (const { op, of } of ops.sort((a, b) => total(b.of) - total(a.of)).slice(0, 15))
    print(`${total(of).toFixed(2).padStart(8)} ms  ${op} (${of.length})`);
  print('');
  for (const { op, shape, least } of all.sort((a, b) => b.least - a.least).slice(0, Number(flags.nodes)))
    print(`${least.toFixed(2).padStart(8)} ms  ${op} ${shape}`);
}

if (flags.child) await profiled();
else report();
