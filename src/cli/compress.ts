/** @file `moonlet compress`: a chain of steps, measured after each, or a search for one that meets a budget. */

import type { Command } from 'commander';
import { filesOf, jsonFile, loadStudent, studentFolder } from '../../zoo/index.ts';
import {
  type Budget,
  type Compressed,
  type CompressStep,
  compress,
  parseSteps,
  type Row,
  search,
} from '../compress/index.ts';
import { datasets, loadDataset } from '../data/index.ts';
import { engineNamed, engineNames } from '../engine/index.ts';
import { MoonletError, oneLine, UsageError } from '../errors.ts';
import { type NewFile, withOut } from '../files/index.ts';
import { classesOf } from '../graph/index.ts';
import { checkFit } from '../learn/task/index.ts';
import { columns } from '../read/index.ts';
import { dataOf, type Origin, readValue } from '../run/index.ts';
import { forceHelp, fraction, numberFlag, stepCount, wholeFlag } from './numbers.ts';
import { count, note, percent, print, printJson, workBar } from './say.ts';

interface Flags {
  readonly steps?: string;
  readonly out: string;
  readonly data?: string;
  readonly maxBytes?: string;
  readonly maxMacs?: string;
  readonly maxDrop?: string;
  readonly tune?: string;
  readonly seed: string;
  readonly runs: string;
  readonly engine: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

export const compressCommand = (program: Command): void => {
  program
    .command('compress')
    .description('prune, factorize, quantize, share: a chain of steps, or a budget to meet')
    .argument('<student>', '<dataset>/<id>, or a folder with graph.json and weights.safetensors')
    .option('--steps <steps>', "words such as 'prune=0.8 fit=300 share=16 huffman', JSON, or a .json file")
    .requiredOption('--out <folder>', 'where graph.json, weights.safetensors and steps.json go')
    .option('--data <name>', `${datasets.join(' or ')}; a shipped student's own unless told`)
    .option('--max-bytes <n>', 'search for steps that store the weights in so many bytes')
    .option('--max-macs <n>', 'search for steps that leave so many multiply-adds')
    .option('--max-drop <x>', 'with or without the others: how much accuracy may be lost, such as 0.005')
    .option('--tune <n>', 'training steps after each step of the search that loses something')
    .option('--seed <n>', 'of training, held-out and calibration examples', '0')
    .option('--runs <n>', 'timed runs of one example; 0 measures no time', '30')
    .option('--engine <name>', engineNames.join(', '), 'onnxruntime')
    .option('--force', forceHelp)
    .option('--json', 'print one JSON document: a row for each step')
    .action(run);
};

async function run(name: string, flags: Flags): Promise<void> {
  const budget = budgetOf(flags);
  const sought = Object.keys(budget).length > 0;
  if (flags.steps === undefined && !sought)
    throw new UsageError('compress needs --steps, or a budget: --max-bytes, --max-macs, --max-drop');
  if (flags.steps === undefined && budget.maxBytes === undefined && budget.maxMacs === undefined)
    note('no size is asked for: the strongest chain within the drop is sought');
  const steps = flags.steps === undefined ? undefined : stepsOf(flags.steps);
  const options = {
    seed: wholeFlag('seed', flags.seed),
    runs: wholeFlag('runs', flags.runs, { max: 100_000 }),
    engine: engineNamed(flags.engine),
  };
  const tune = flags.tune === undefined ? {} : { tune: wholeFlag('tune', flags.tune, stepCount) };
  const net = loadStudent(name);
  const own = dataOf(name);
  const wanted = flags.data ?? own;
  const data = wanted === undefined ? undefined : await loadDataset(wanted);
  if (data) checkFit(net.graph, classesOf(net.graph), data);
  const inputs = [studentFolder(name), ...(flags.steps?.endsWith('.json') ? [flags.steps] : [])];
  await withOut(flags.out, { force: flags.force ?? false, writes: written, inputs }, async (out) => {
    const running = {
      ...options,
      ...(data ? { data } : {}),
      onStep: (row: Row) => note(`${row.step}: ${said(row)}`),
      onReconstruct: workBar('least squares, layers'),
    };
    const done = steps
      ? { ...(await compress(net, steps, running)), steps }
      : await search(net, budget, { ...running, ...tune, onTry: (text) => note(`trying ${text}`) });
    checkBudget(net.graph.name, budget, done);
    out.publish(resultFiles(done, wanted === undefined ? undefined : { from: name, data: wanted }));
    if (data?.note) note(data.note);
    if (flags.json) return printJson(done.rows);
    print(table(done.rows));
    print(`saved in ${out.folder}`);
  });
}

function stepsOf(text: string): readonly CompressStep[] {
  if (!text.trimStart().startsWith('[') && text.endsWith('.json')) return parseSteps(readValue(text), text);
  if (!text.trimStart().startsWith('[')) return parseSteps(text, '--steps');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (e) {
    throw new UsageError(`--steps: not JSON (${oneLine((e as Error).message)})`);
  }
  return parseSteps(json, '--steps');
}

function budgetOf(flags: Flags): Budget {
  const drop = flags.maxDrop === undefined ? undefined : numberFlag('max-drop', flags.maxDrop, fraction);
  return {
    ...(flags.maxBytes === undefined ? {} : { maxBytes: wholeFlag('max-bytes', flags.maxBytes) }),
    ...(flags.maxMacs === undefined ? {} : { maxMacs: wholeFlag('max-macs', flags.maxMacs) }),
    ...(drop === undefined ? {} : { maxDrop: drop }),
  };
}

/** What was asked for beside steps. @throws MoonletError when it is not met; nothing is saved then. */
function checkBudget(name: string, { maxBytes, maxMacs, maxDrop }: Budget, { rows }: Compressed): void {
  const [first, last] = [rows[0] as Row, rows.at(-1) as Row];
  const drop = (first.accuracy ?? 0) - (last.accuracy ?? 0);
  const fail = (what: string): never => {
    throw new MoonletError(
      `${name}: after all steps there ${what}; nothing is saved. Choose stronger steps or allow more`,
    );
  };
  if (maxBytes !== undefined && last.bytes > maxBytes) fail(`are ${last.bytes} bytes, more than ${maxBytes}`);
  if (maxMacs !== undefined && last.macs > maxMacs) fail(`are ${last.macs} macs, more than ${maxMacs}`);
  if (maxDrop !== undefined && drop > maxDrop)
    fail(`is a drop of ${drop.toFixed(4)} on the test split, more than ${maxDrop}`);
}

const written = [
  ...['weights.compact', 'steps.json', 'rows.json'],
  ...['graph.json', 'weights.safetensors', 'card.json'],
];
const resultFiles = (
  { net, rows, file, steps }: Compressed & { steps: readonly CompressStep[] },
  origin: Origin | undefined,
): readonly NewFile[] => [
  ...(file ? [{ file: 'weights.compact', content: file }] : []),
  jsonFile('steps.json', steps),
  jsonFile('rows.json', rows),
  ...filesOf(net, origin),
];

const said = (row: Row): string =>
  `${row.accuracy === null ? '' : `${percent(row.accuracy)}, `}${count(row.macs)} macs, ${count(row.bytes)} bytes${row.latencyMs === null ? '' : `, ${row.latencyMs.toFixed(2)} ms`}`;

function table(rows: readonly Row[]): string {
  const head = ['step', 'accuracy', 'params', 'not zero', 'macs', 'bytes', 'gzip bytes', 'ms'];
  return columns(
    [
      head,
      ...rows.map((r) => [
        r.step,
        r.accuracy === null ? '-' : percent(r.accuracy),
        count(r.params),
        count(r.nonzero),
        count(r.macs),
        count(r.bytes),
        count(r.gzipBytes),
        r.latencyMs === null ? '-' : r.latencyMs.toFixed(2),
      ]),
    ],
    [1, 2, 3, 4, 5, 6, 7],
  );
}
