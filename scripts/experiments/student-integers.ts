/**
 * @file Each shipped student in 8 bits, as `export --int8` writes it, against its floats on the whole test split, under onnxruntime on
 * this machine: accuracy, the difference with its 95 % interval, images whose class changes, bytes. Writes a table of docs/integers.md.
 *
 *   npm run experiment -- student-integers [--only mnist/wrn-16-1]
 */
import { join } from 'node:path';
import { Command } from 'commander';
import { note } from '../../src/cli/say.ts';
import { quantizeByData } from '../../src/compress/index.ts';
import { type Dataset, loadDataset, take } from '../../src/data/index.ts';
import { foldNorms } from '../../src/edit/index.ts';
import { compile } from '../../src/engine/index.ts';
import { UsageError } from '../../src/errors.ts';
import { readText, writeAtomically } from '../../src/files/index.ts';
import { passes } from '../../src/learn/task/index.ts';
import { encodeModel } from '../../src/onnx/index.ts';
import { toOnnx } from '../../src/read/onnx.ts';
import type { Net } from '../../src/weights/index.ts';
import { loadStudent, readCard, studentNames } from '../../zoo/index.ts';
import { guesses } from '../lib/guesses.ts';
import { marks, remarked, table } from '../lib/markdown.ts';
import { mean, paired, pairedText } from '../lib/paired.ts';

const { only } = new Command()
  .option('--only <nets>', 'names with commas between; writes nothing')
  .parse()
  .opts<{ only?: string }>();
const names = only?.split(',') ?? studentNames();
const unknown = names.find((name) => !studentNames().includes(name));
if (unknown !== undefined)
  throw new UsageError(`no student "${unknown}"; there are ${studentNames().join(', ')}`);

const batch = 100;
/** What `export --int8` calibrates with. */
const seen = 1000;

/** The class that a net gives to each test image. */
async function classesOf(net: Net, data: Dataset): Promise<number[]> {
  const runner = await compile(net);
  const found: number[] = [];
  for (const { x } of passes(data.test, data, batch)) {
    const [logits] = [...(await runner.runMany(x, batch)).values()];
    found.push(...guesses(logits as Float32Array, data.classes));
  }
  await runner.release();
  return found;
}

const rows: string[][] = [];
for (const name of names) {
  const net = loadStudent(name);
  const data = await loadDataset(readCard(name).data);
  const quantized = await quantizeByData(net, [
    ...[...passes(take(data.train, seen, 0), data, 250)].map(({ x }) => x),
  ]);
  const [floats, integers] = [await classesOf(net, data), await classesOf(quantized, data)];
  const right = (list: readonly number[]): number[] =>
    list.map((c, i) => (c === data.test.labels[i] ? 100 : 0));
  const [before, after] = [right(floats), right(integers)];
  const changed = floats.filter((c, i) => c !== integers[i]).length;
  const bytes = [foldNorms(net), quantized].map((n) => String(encodeModel(toOnnx(n)).length));
  rows.push([
    name,
    mean(before).toFixed(2),
    mean(after).toFixed(2),
    pairedText(paired(after.map((points, i) => points - (before[i] as number)))),
    ((100 * changed) / floats.length).toFixed(2),
    ...bytes,
  ]);
  note(rows.at(-1)?.join('  ') ?? '');
}

if (only === undefined) {
  const page = join('docs', 'integers.md');
  const place = marks('scripts/experiments/student-integers.ts', 'students');
  const head = [
    'net',
    'floats, %',
    'int8, %',
    'difference',
    'other class, %',
    'bytes of floats',
    'bytes of int8',
  ];
  writeAtomically(page, remarked(readText(page), place, table([head, ...rows])));
}
