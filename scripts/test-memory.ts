/**
 * @file Whether memory stays flat: 2,000 training steps in one session, and 200 cycles that open and release a training step and a net
 * for inference in one process. Fails where the median of the late samples is 5 % above that of the early ones, or a tensor stayed behind.
 * Samples are the resident memory after the garbage collector. `--write` puts the figures into docs/tracing.md.
 *
 *   npm run test:memory [-- --steps 2000] [-- --sessions 200] [-- --write]
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as tf from '@tensorflow/tfjs-core';
import { caseOf } from '../src/bench/cases.ts';
import { residentMiB } from '../src/bench/memory-of.ts';
import { median } from '../src/bench/numbers.ts';
import { machine } from '../src/bench/run.ts';
import type { CaseName } from '../src/bench/types.ts';
import { note, print } from '../src/cli/say.ts';
import { compile, prepare, useBackend } from '../src/engine/index.ts';
import { writeAtomically } from '../src/files/index.ts';
import { inputShape, sizeOf } from '../src/graph/index.ts';
import { crossEntropy } from '../src/learn/loss/index.ts';
import { firstState, sgd, step } from '../src/learn/train/index.ts';
import { random } from '../src/random.ts';
import { init } from '../src/weights/index.ts';
import { marks, remarked, table } from './lib/markdown.ts';

const { values: flags } = parseArgs({
  options: {
    steps: { type: 'string', default: '2000' },
    sessions: { type: 'string', default: '200' },
    write: { type: 'boolean', default: false },
  },
});
const bound = 0.05;
setFlagsFromString('--expose-gc');
const gc: unknown = runInNewContext('gc');

function sample(): number {
  if (typeof gc === 'function') gc();
  return residentMiB();
}

/** Samples in order; early ones follow a tenth of them, in which caches fill, and late ones are the last tenth. */
interface Series {
  readonly what: string;
  readonly samples: readonly number[];
  /** Tensors of tf at the end that were not there before. */
  readonly tensors: number;
}
const early = ({ samples }: Series): number =>
  median(samples.slice(Math.floor(samples.length / 10), Math.ceil(samples.length / 5)));
const late = ({ samples }: Series): number => median(samples.slice(-Math.ceil(samples.length / 10)));
const growth = (series: Series): number => late(series) / early(series) - 1;

/** A training step of a case, and one of its inputs. */
function trainingOf(name: CaseName) {
  const { graph, batch } = caseOf(name);
  const losses = [crossEntropy()({ student: graph })];
  const plan = step({ graph, losses, optimizer: sgd({ nesterov: true }), batch });
  const x = Float32Array.from({ length: batch * sizeOf(inputShape(graph)) }, random('memory').normal);
  const labels = Int32Array.from({ length: batch }, (_, i) => i % 10);
  const inputs = { x, labels, rate: Float32Array.of(1e-3), 'loss/cross-entropy': Float32Array.of(1) };
  const net = init(graph, { seed: 1 });
  return { plan, inputs, net, batch };
}

async function steps(count: number): Promise<Series> {
  const { plan, inputs, net } = trainingOf('T2');
  const before = tf.memory().numTensors;
  const runner = await prepare(plan.fn, plan.specs);
  let state = firstState(net, plan.specs.state);
  const samples: number[] = [];
  for (let i = 1; i <= count; i++) {
    state = (await runner.run(state, inputs)).state;
    if (i % 10 === 0) samples.push(sample());
    if (i % 200 === 0) note(`step ${i}: ${samples.at(-1)?.toFixed(0)} MiB`);
  }
  await runner.release();
  const tensors = tf.memory().numTensors - before;
  return { what: `${count.toLocaleString('en-US')} steps of T2 in one session`, samples, tensors };
}

async function sessions(count: number): Promise<Series> {
  const { plan, inputs, net, batch } = trainingOf('T1');
  const before = tf.memory().numTensors;
  const samples: number[] = [];
  for (let i = 1; i <= count; i++) {
    const runner = await prepare(plan.fn, plan.specs, { modelCache: false });
    const compiled = await compile(net);
    await runner.run(firstState(net, plan.specs.state), inputs);
    await compiled.run(inputs.x.subarray(0, inputs.x.length / batch));
    await runner.release();
    await compiled.release();
    samples.push(sample());
    if (i % 20 === 0) note(`session ${i}: ${samples.at(-1)?.toFixed(0)} MiB`);
  }
  const tensors = tf.memory().numTensors - before;
  return {
    what: `${count} sessions of T1's step and ${count} of its net, opened, run and released`,
    samples,
    tensors,
  };
}

await useBackend('cpu'); // tf counts its tensors only where it has a backend
const measured = [await sessions(Number(flags.sessions)), await steps(Number(flags.steps))];
const rows = measured.map((series) => [
  ...[series.what, early(series).toFixed(0), late(series).toFixed(0)],
  ...[`${(100 * growth(series)).toFixed(1)} %`, String(series.tensors)],
]);
const head = ['one process', 'early MiB', 'late MiB', 'growth', 'tensors left'];
const { date, cpu, cores } = machine();
const text = `${table([head, ...rows])}\n\n${date.slice(0, 10)}, ${cpu}, ${cores} cores, Node ${process.versions.node}; medians of the second tenth and of the last tenth of the samples.`;
print(text);
if (flags.write) {
  const page = 'docs/tracing.md';
  const place = marks('scripts/test-memory.ts', 'memory');
  writeAtomically(page, remarked(readFileSync(page, 'utf8'), place, text));
}
for (const series of measured) {
  if (growth(series) < bound && series.tensors <= 0) continue;
  note(
    `${series.what}: memory grew by ${(100 * growth(series)).toFixed(1)} %, tensors left: ${series.tensors}`,
  );
  process.exitCode = 1;
}
