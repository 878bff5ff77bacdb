/**
 * @file Every family of compression on trained students: accuracy, parameters, multiply-adds, bytes, gzip and time after each
 * step. Finished chains are kept in scripts/experiments/runs/compress.json, so that a run that was killed goes on with the next chain; the
 * nets are in out/compress. The table of docs/compression.md is written from what is there.
 *
 *   npm run experiment -- compress [students...] [--only CHAIN] [--all] [--quick] [--times]
 *
 * `--all` runs every chain on wrn-16-1, not the common ones alone. `--times` trains nothing: it measures the nets in out/compress against
 * the students they were made of, on a machine that does nothing else.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { median } from '../../src/bench/numbers.ts';
import { trainingBar } from '../../src/cli/bars.ts';
import { count, note } from '../../src/cli/say.ts';
import { compress, measure, parseSteps, type Row } from '../../src/compress/index.ts';
import { type Dataset, loadDataset } from '../../src/data/index.ts';
import { latency } from '../../src/engine/index.ts';
import { MoonletError, UsageError } from '../../src/errors.ts';
import { readText, writeAtomically } from '../../src/files/index.ts';
import type { StepReport } from '../../src/learn/train/index.ts';
import { columns } from '../../src/read/index.ts';
import type { Net } from '../../src/weights/index.ts';
import { loadStudent, readCard, saveNet } from '../../zoo/index.ts';
import { finished } from '../lib/finished.ts';
import { marks, remarked, table } from '../lib/markdown.ts';
import { programs } from './structure.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    all: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    times: { type: 'boolean', default: false },
  },
});
const folder = join('out', values.quick ? 'compress-quick' : 'compress');
/** The student that goes through every chain. */
const main = 'fashion-mnist/wrn-16-1';
const students = positionals.length
  ? positionals
  : [main, 'fashion-mnist/mobilenet-v3-small-x50', 'fashion-mnist/ghostnet-x15', 'fashion-mnist/wrn-16-2-gn'];

/** Training steps of a chain's `FINE`, `FIT` and `fit`, of 64 images each, or few to see that all works. */
const [longest, long, short] = values.quick ? [30, 20, 10] : [1500, 800, 300];
const augment = (data: string): string => (data === 'fashion-mnist' ? ',shift=2,flip=true' : ',shift=2');

/** Chains by name; `FINE` and `DISTILL`, `FIT` and `fit` become training of the three lengths. */
const chains: Readonly<Record<string, string>> = {
  'int8, min-max': 'quantize=8',
  'int8, percentile': 'quantize=8,method=percentile',
  'int8, mse, equalized': 'quantize=8,method=mse,equalize=true',
  'int8, trained': 'quantize=8 fit,rate=0.002',
  'kernels of 4 bits': 'quantize=4,activations=0,clip=mse',
  'kernels of 4 bits, AdaRound': 'quantize=4,activations=0,clip=mse,round=adaptive',
  'kernels of 4 bits, trained': 'train-quantized,kind=integers,bits=4,rate=0.01',
  'kernels and values of 4 bits (LSQ)':
    'quantize=4,activations=4,ends=8,sums=8,clip=mse,method=mse train-quantized,kind=learned',
  'kernels and values of 3 bits (LSQ)':
    'quantize=3,activations=3,ends=8,sums=8,clip=mse,method=mse train-quantized,kind=learned',
  'kernels and values of 2 bits (LSQ)':
    'quantize=2,activations=2,ends=8,sums=8,clip=mse,method=mse train-quantized,kind=learned',
  'ternary kernels (TWN)': 'train-quantized,kind=ternary,rate=0.05,except=stem+head',
  'ternary kernels (TTQ)': 'train-quantized,kind=trained-ternary,rate=0.05,except=stem+head',
  'binary kernels': 'train-quantized,kind=binary,rate=0.05,except=stem+head',
  'svd, half of the macs': 'factorize=svd,macs=0.5 fit',
  'spatial, half of the macs': 'factorize=spatial,macs=0.5 fit',
  'tucker, half of the macs': 'factorize=tucker,macs=0.5 fit',
  'tucker by vbmf': 'factorize=tucker,vbmf=true fit',
  'cp, half of the params': 'factorize=cp,params=0.5 fit,rate=0.005',
  'codebooks of 16': 'share=16 fit',
  'hashed, an eighth': 'hash=0.125 DISTILL,rate=0.05',
  'circulant blocks of 4': 'circulate=4,except=stem+head DISTILL,rate=0.002',
  'half of the macs by channels': 'channels,macs=0.5,roundTo=1 FINE,rate=0.05',
  'half of the macs by channels, distilled': 'channels,macs=0.5 DISTILL,rate=0.05',
  'half of the macs, isomorphic, distilled': 'channels,macs=0.5,scope=isomorphic DISTILL,rate=0.05',
  'half of the macs, L1, globally': 'channels,macs=0.5,by=l1,scope=global FIT,rate=0.05',
  'half of the macs, geometric median': 'channels,macs=0.5,by=geometric-median FIT,rate=0.05',
  'half of the macs, norm scales': 'channels,macs=0.5,by=norm-scale,scope=global FIT,rate=0.05',
  'weights to 0.9, kept': 'prune=0.9,scope=global FIT,rate=0.05',
  'Deep Compression': 'prune=0.85,scope=global FINE,rate=0.05 share=16 fit half huffman',
  'hybrid: channels, int8': 'channels,macs=0.5 FIT,rate=0.05 quantize=8',
  'hybrid: tucker, distilled, int8': 'factorize=tucker,macs=0.6 distill,rate=0.02 quantize=8',
};

/** What the other students go through: one chain of each family, and the structure methods. */
const common: readonly string[] = [
  'int8, mse, equalized',
  'int8, trained',
  'kernels and values of 4 bits (LSQ)',
  'ternary kernels (TWN)',
  'svd, half of the macs',
  'codebooks of 16',
  'hashed, an eighth',
  'half of the macs by channels',
  'half of the macs, isomorphic, distilled',
  'Deep Compression',
  'hybrid: channels, int8',
  'MorphNet, expanded to half of the macs',
  'SplitNet, 2 groups in the last stage',
  'NestedNet, the middle of 3 (0.5, 0.25, 0)',
];

interface Result {
  readonly student: string;
  /** The digest of the student's weights, so that another net of its name is measured anew. */
  readonly of: string;
  readonly chain: string;
  readonly steps: string;
  readonly rows: readonly Row[];
  readonly seconds: number;
}

const folderOf = (student: string, chain: string): string =>
  join(folder, student.replaceAll('/', '_'), chain.replace(/[^a-z0-9]+/gi, '-'));
const runs = finished<Result>(values.quick ? undefined : 'compress');
/** The time of 16 images on one thread, divided by that of the student. */
const times = finished<{ readonly ratio: number }>('compress-times');
const timeKey = ({ student, of, chain, steps }: Result): unknown => ({ student, of, chain, steps });

/** Both nets in turn, so that what slows the machine slows both. */
async function time(result: Result, student: Net): Promise<void> {
  const place = folderOf(result.student, result.chain);
  if (!existsSync(place)) return;
  await times.once(`${result.student} ${result.chain}`, timeKey(result), async () => {
    const net = loadStudent(place);
    const ratios: number[] = [];
    for (let round = 0; round < 5; round++) {
      const [one, other] = [await millisecondsOf(net), await millisecondsOf(student)];
      ratios.push(one / other);
    }
    return { ratio: median(ratios) };
  });
}
const millisecondsOf = (net: Net): Promise<number> => latency(net, { batch: 16, runs: 15, threads: 1 });

/** The chain with its training lengths and the augmentation of the data. */
function stepsOf(chain: string, data: string): string {
  return chain
    .split(' ')
    .map((word) => {
      const [head = '', ...rest] = word.split(',');
      const tail = rest.length ? `,${rest.join(',')}` : '';
      const name = { FIT: 'fit', FINE: 'fit', DISTILL: 'distill' }[head] ?? head;
      if (!['fit', 'distill', 'train-quantized'].includes(name)) return word;
      const steps = head === 'fit' ? short : head === 'FINE' || head === 'DISTILL' ? longest : long;
      return `${name}=${steps}${tail}${augment(data)}`;
    })
    .join(' ');
}

async function run(student: string, net: Net, chain: string): Promise<void> {
  const { data: dataName, sha256 } = readCard(student);
  const { 'weights.safetensors': of = '' } = sha256;
  const words = chains[chain];
  const steps = words === undefined ? chain : stepsOf(words, dataName);
  const data = await loadDataset(dataName);
  await runs.once(`${student} ${chain}`, { student, of, chain, steps, note: data.note }, async () => {
    const began = performance.now();
    let bar: ReturnType<typeof trainingBar> | undefined;
    const onStep = (at: StepReport): void => {
      if (at.step === 1) bar = trainingBar(`${student} ${chain}`, at.steps, 64);
      bar?.step(at);
      if (at.step === at.steps) bar?.end();
    };
    const done =
      words === undefined
        ? await programmed(net, chain, data, onStep)
        : await compress(net, parseSteps(steps), { data, seed: 1, onTraining: onStep });
    const seconds = Math.round((performance.now() - began) / 1000);
    saveNet(folderOf(student, chain), done.net);
    const { rows } = done;
    note(`${student} ${chain}: ${((rows.at(-1)?.accuracy ?? 0) * 100).toFixed(2)} %, ${seconds} s`);
    return { student, of, chain, steps, rows, seconds };
  });
}

/** A chain that is a program, measured before and after. */
async function programmed(
  net: Net,
  chain: string,
  data: Dataset,
  onStep: (at: StepReport) => void,
): Promise<{ readonly net: Net; readonly rows: readonly Row[] }> {
  const program = programs[chain] as (typeof programs)[string];
  const made = await program(net, { data, long, short, onStep });
  const row = async (step: string, now: Net): Promise<Row> => ({ step, ...(await measure(now, { data })) });
  return { net: made, rows: [await row('original', net), await row(chain, made)] };
}

/** All results of the nets as they are, in the order of the chains. */
function results(): readonly Result[] {
  const order = [...Object.keys(chains), ...Object.keys(programs)];
  const now = runs
    .all()
    .filter(
      ({ student, of, chain }) =>
        order.includes(chain) &&
        existsSync(join('zoo', 'students', student)) &&
        readCard(student).sha256['weights.safetensors'] === of,
    );
  return now.sort(
    (a, b) => a.student.localeCompare(b.student) || order.indexOf(a.chain) - order.indexOf(b.chain),
  );
}

const place = marks('scripts/experiments/compress.ts', 'experiment');

async function report(): Promise<void> {
  const head = ['chain', 'accuracy %', 'change', 'params', 'macs', 'bytes', 'smaller', 'gzip', 'time', 's'];
  const parts: string[] = [];
  for (const student of new Set(results().map((r) => r.student))) {
    const mine = results().filter((r) => r.student === student);
    const first = mine[0]?.rows[0] as Row;
    const line = (name: string, row: Row, ratio: number | undefined, seconds: number): string[] => [
      name,
      (100 * (row.accuracy ?? 0)).toFixed(2),
      (100 * ((row.accuracy ?? 0) - (first.accuracy ?? 0))).toFixed(2),
      count(row.params),
      count(row.macs),
      count(row.bytes),
      `${(first.bytes / row.bytes).toFixed(1)}x`,
      count(row.gzipBytes),
      ratio === undefined ? '' : ratio.toFixed(2),
      String(seconds),
    ];
    const rows = [
      line('original', first, 1, 0),
      ...mine.map((r) => line(r.chain, r.rows.at(-1) as Row, times.known(timeKey(r))?.ratio, r.seconds)),
    ];
    const { data } = readCard(student);
    const { note: said } = await loadDataset(data);
    parts.push(
      `**${student}**, on the test split of ${data}.${said ? ` ${said}` : ''}\n\n${table([head, ...rows])}`,
    );
    note(columns([head, ...rows], [1, 2, 3, 4, 5, 6, 7, 8, 9]));
  }
  const file = join('docs', 'compression.md');
  writeAtomically(file, remarked(readText(file), place, parts.join('\n\n')));
}

const known = [...Object.keys(chains), ...Object.keys(programs)];
const names = known.filter((name) => values.only === undefined || name === values.only);
if (!names.length) throw new UsageError(`no chain "${values.only}"; known: ${known.join('; ')}`);
const nets = new Map(students.map((student) => [student, loadStudent(student)]));
const wanted = (name: string): boolean => values.only !== undefined || common.includes(name);

/** One chain after the other; one that fails is named at the end, the others still run. */
const failed: string[] = [];
async function tryRun(student: string, net: Net, name: string): Promise<void> {
  try {
    await run(student, net, name);
  } catch (error) {
    if (!(error instanceof MoonletError)) throw error;
    failed.push(`${student} ${name}: ${error.message}`);
  }
}
if (values.times) for (const r of results()) await time(r, nets.get(r.student) ?? loadStudent(r.student));
else {
  for (const [student, net] of nets)
    for (const name of names) if (wanted(name)) await tryRun(student, net, name);
  // the rest of the chains, on one student alone
  const one = nets.get(main);
  if (one && values.all) for (const name of names) if (!wanted(name)) await tryRun(main, one, name);
}
if (!values.quick) await report();
for (const line of failed) note(line);
if (failed.length) process.exitCode = 1;
