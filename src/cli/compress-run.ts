/** @file The implementation of `moonlet compress`: the chain or the search, its files and its table. */
import { loadStudent, studentFolder } from '../../zoo/index.ts';
import { filesOf, jsonFile } from '../../zoo/net-files.ts';
import {
  type Budget,
  type Compressed,
  type CompressStep,
  compress,
  type Row,
  search,
} from '../compress/index.ts';
import { type Dataset, isPlainPictures, type Unlabelled } from '../data/index.ts';
import { MoonletError } from '../errors.ts';
import { type NewFile, withOut } from '../files/index.ts';
import { classesOf, type Graph } from '../graph/index.ts';
import { checkFit } from '../learn/task/index.ts';
import { calibrationFor } from '../run/calibration.ts';
import { dataOf } from '../run/files.ts';
import { cardAfter, dataFor } from '../run/pictures.ts';
import { workBar } from './bars.ts';
import type { Wanted } from './compress.ts';
import { count, note, percent, print, printJson, rounded } from './say.ts';
import { tableOf } from './tables.ts';

/** Compresses a student and saves the result. @throws MoonletError when the budget is not met; nothing is saved then. */
export async function compressStudent(name: string, wanted: Wanted): Promise<void> {
  const { steps, budget, seed, runs, engine, tune } = wanted;
  const net = loadStudent(name);
  const dataName = wanted.data ?? dataOf(name);
  const images = dataName === undefined ? {} : await imagesFrom(dataName, { name, graph: net.graph }, wanted);
  const { data } = images;
  if (budget.maxDrop !== undefined && !data)
    throw new MoonletError(
      `${name}: --max-drop is about accuracy, which needs data with classes; give it with --data`,
    );
  const inputs = [studentFolder(name), ...wanted.inputs];
  await withOut(wanted.out, { force: wanted.force, writes: written, inputs }, async (out) => {
    const running = {
      ...{ seed, runs },
      ...(engine ? { engine } : {}),
      ...images,
      onStep: (row: Row) => note(`${row.step}: ${said(row)}`),
      onReconstruct: workBar('least squares, layers'),
    };
    const tuning = tune === undefined ? {} : { tune };
    const done = steps
      ? { ...(await compress(net, steps, running)), steps }
      : await search(net, budget, { ...running, ...tuning, onTry: (text) => note(`trying ${text}`) });
    checkBudget(net.graph.name, budget, done);
    out.publish(resultFiles(done, cardAfter(name, data && dataName)));
    if (data?.note) note(data.note);
    if (wanted.json) return printJson(done.rows);
    print(table(done.rows));
    print(`saved in ${out.folder}`);
  });
}

/** A dataset; or pictures without classes, which calibrate and measure nothing. @throws MoonletError when they do not fit. */
async function imagesFrom(
  path: string,
  net: { readonly name: string; readonly graph: Graph },
  { steps, pictures }: Wanted,
): Promise<{ readonly data?: Dataset; readonly calibration?: Unlabelled }> {
  const how = { ...pictures, say: note };
  if (!isPlainPictures(path)) {
    const data = await dataFor(path, net, how);
    checkFit(net.graph, classesOf(net.graph), data);
    return { data };
  }
  if (!steps)
    throw new MoonletError(
      `${path}: its pictures have no classes, and a search measures accuracy; give --steps, or put them into a folder for each class`,
    );
  note(`${path}: pictures without class folders calibrate; accuracy is not measured`);
  return { calibration: await calibrationFor(path, net, how) };
}

/** What was asked for beside steps. @throws MoonletError when it is not met; nothing is saved then. */
function checkBudget(name: string, { maxBytes, maxMacs, maxDrop }: Budget, { rows }: Compressed): void {
  const [first] = rows;
  const last = rows.at(-1);
  if (!first || !last) throw new Error('no row was measured');
  const drop = (first.accuracy ?? Number.NaN) - (last.accuracy ?? Number.NaN);
  const fail = (what: string): never => {
    throw new MoonletError(
      `${name}: after all steps there ${what}; nothing is saved. Choose stronger steps or a larger limit`,
    );
  };
  if (maxBytes !== undefined && last.bytes > maxBytes) fail(`are ${last.bytes} bytes, more than ${maxBytes}`);
  if (maxMacs !== undefined && last.macs > maxMacs) fail(`are ${last.macs} macs, more than ${maxMacs}`);
  if (maxDrop !== undefined && !(drop <= maxDrop))
    fail(`is a drop of ${drop.toFixed(4)} on the test split, more than ${maxDrop}`);
}

const written = [
  ...['weights.compact', 'steps.json', 'rows.json'],
  ...['graph.json', 'weights.safetensors', 'card.json'],
];
const resultFiles = (
  { net, rows, file, steps }: Compressed & { steps: readonly CompressStep[] },
  origin: object | undefined,
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
  return tableOf(
    [
      head,
      ...rows.map((r) => [
        r.step,
        r.accuracy === null ? '-' : percent(r.accuracy),
        rounded(r.params),
        rounded(r.nonzero),
        rounded(r.macs),
        rounded(r.bytes),
        rounded(r.gzipBytes),
        r.latencyMs === null ? '-' : r.latencyMs.toFixed(2),
      ]),
    ],
    [1, 2, 3, 4, 5, 6, 7],
  );
}
