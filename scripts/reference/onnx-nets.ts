/**
 * @file Holds fromOnnx to other libraries' nets: each is exported to ONNX with random weights, read, and its logits compared with
 * those of onnxruntime on the file (`npm run references -- onnx-nets [--only PATTERN] [--exporter NAME] [--every N] [--log FILE]
 * [--again] [--write]`). The names are in onnx-nets.json. MOONLET_PYTHON names an interpreter that has torch, torchvision, timm,
 * keras, onnx, onnxruntime and onnxscript; MOONLET_TENSORFLOW_PYTHON one that has tensorflow, keras, tf2onnx, onnx and
 * onnxruntime.
 *
 * Each net is exported by each exporter of its library, at an operator set that goes around the list. --log keeps the results, so
 * that a run can be continued, and --again repeats those of the log that were not read or not exported; --write makes the tables
 * of docs/import.md and docs/onnx-nets.md of a log.
 */
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compile } from '../../src/engine/index.ts';
import { messageOf } from '../../src/errors.ts';
import { fromOnnx } from '../../src/import/index.ts';
import { cost } from '../../src/read/cost.ts';
import { type Exporter, exporterOf, floatsIn, netsIn, sizeOf, usual } from './onnx-exporters.ts';
import { writeTables } from './onnx-nets-table.ts';

/** One net by one exporter. */
export interface Result {
  readonly library: string;
  readonly family: string;
  readonly name: string;
  readonly exporter: string;
  /** The operator set that was asked for, and that of the file. */
  readonly opset: number;
  readonly written?: number;
  /** Largest difference of the logits, as a share of the largest. */
  readonly difference?: number;
  readonly params?: number;
  /** Why the net was not read. */
  readonly refused?: string;
  /** Why the library could not export it. */
  readonly notExported?: string;
}
type Request = Pick<Result, 'library' | 'family' | 'name' | 'exporter' | 'opset'>;

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    exporter: { type: 'string' },
    every: { type: 'string', default: '1' },
    log: { type: 'string' },
    again: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const nets = netsIn('scripts/reference/onnx-nets.json');
/** The operator sets of each exporter, which go around the list: those that PyTorch 2.15 and tf2onnx 1.17 write. */
const opsets: Readonly<Record<string, readonly number[]>> = {
  torchscript: [11, 13, 17, 18, 20, 22, 15, 23, 14, 12, 21, 16, 19, 10, 9],
  dynamo: [18, 20, 21, 28, 22, 24, 23, 25, 26, 19, 27],
  converter: [24, 28, 25, 26, 27],
  keras: [18, 20, 23, 17, 22, 21, 13, 15],
  tf2onnx: [15, 18, 13, 17, 11, 14, 16, 12],
};
const exportersOf: Readonly<Record<string, readonly string[]>> = {
  torchvision: ['torchscript', 'converter', 'dynamo'],
  timm: ['torchscript', 'converter', 'dynamo'],
  keras: ['keras', 'tf2onnx'],
};
const bounds: Readonly<Record<string, number>> = { keras: 1e-4 };
export const boundOf = (library: string): number => bounds[library] ?? 1e-5;

function requests(): readonly Request[] {
  const pattern = new RegExp(flags.only ?? '.');
  return nets.flatMap((net, i) => {
    if (!pattern.test(`${net.library}/${net.name}`) || i % Number(flags.every) !== 0) return [];
    return (exportersOf[net.library] ?? []).flatMap((exporter): Request[] => {
      const sets = opsets[exporter] ?? [];
      // the converter takes what TorchScript wrote, of every third net
      const isChosen = flags.exporter === undefined || exporter.startsWith(flags.exporter);
      if (!isChosen || (exporter === 'converter' && i % 3 !== 0)) return [];
      const turn = exporter === 'converter' ? i / 3 : i;
      return [{ ...net, exporter, opset: sets[turn % sets.length] ?? 18 }];
    });
  });
}

async function compared(folder: string): Promise<Pick<Result, 'difference' | 'params'>> {
  const floats = (file: string): Float32Array => floatsIn(join(folder, file));
  const net = fromOnnx(readFileSync(join(folder, 'model.onnx')), {
    external: (file) => readFileSync(join(folder, file)),
  });
  const [output] = net.report.outputs;
  const layout = net.report.inputs[0]?.axes === 'nhwc' ? 'NHWC' : 'NCHW';
  const node = output?.node ?? '';
  const compiled = await compile(net, { layout, values: [node] });
  const ours = (await compiled.run(floats('x.f32'))).get(node) ?? new Float32Array();
  await compiled.release();
  const theirs = floats('y.f32');
  if (ours.length !== theirs.length) throw new Error(`${ours.length} logits in place of ${theirs.length}`);
  const scale = theirs.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  const difference =
    theirs.reduce((most, v, i) => Math.max(most, Math.abs(v - (ours[i] ?? Number.NaN))), 0) / scale;
  return { difference: ours.some(Number.isNaN) ? Number.NaN : difference, params: cost(net.graph).params };
}

const keyOf = ({ library, name, exporter, opset }: Request): string =>
  [library, name, exporter, opset].join(' ');
/** The results of the log, the last of each. */
const readLog = (): readonly Result[] => {
  if (flags.log === undefined || !existsSync(flags.log)) return [];
  const lines = readFileSync(flags.log, 'utf8').split('\n');
  const results = lines.filter((line) => line !== '').map((line): Result => JSON.parse(line));
  const last = [...new Map(results.map((result) => [keyOf(result), result])).values()];
  const names = nets.map(({ name }) => name);
  return last.toSorted((a, b) => names.indexOf(a.name) - names.indexOf(b.name));
};
const isGood = ({ library, difference }: Result): boolean =>
  difference !== undefined && difference <= boundOf(library);

function print(result: Result): string {
  const { library, name, exporter, opset, difference, refused, notExported } = result;
  const told =
    notExported === undefined
      ? (refused ?? `${(difference ?? Number.NaN).toExponential(1)}`)
      : `not exported: ${notExported}`;
  return `${library}/${name} ${exporter} ${opset}: ${told}`;
}

/** The requests of one net that one process answers. */
function batches(todo: readonly Request[]): readonly (readonly Request[])[] {
  const made = new Map<string, Request[]>();
  for (const request of todo) {
    const key = `${request.library} ${request.name} ${request.exporter === 'tf2onnx' ? 'tensorflow' : ''}`;
    made.set(key, [...(made.get(key) ?? []), request]);
  }
  return [...made.values()];
}

async function resultOf(
  request: Request,
  folder: string,
  said: { error?: string; opset?: number },
): Promise<Result> {
  if (said.error !== undefined) return { ...request, notExported: said.error };
  const written = said.opset === undefined ? {} : { written: said.opset };
  try {
    return { ...request, ...written, ...(await compared(folder)) };
  } catch (e) {
    return { ...request, ...written, refused: messageOf(e) };
  }
}

async function runAll(): Promise<readonly Result[]> {
  const before = readLog();
  const kept = flags.again ? before.filter(isGood) : before;
  const results = new Map(kept.map((result) => [keyOf(result), result]));
  const todo = batches(requests().filter((request) => !results.has(keyOf(request))));
  const folder = mkdtempSync(join(tmpdir(), 'onnx-nets-'));
  const exporters = new Map<string, Exporter>();
  const folderOf = (batch: number, way: number): string => join(folder, `${batch}-${way}`);
  const ask = (index: number): void => {
    const batch = todo[index];
    const [first] = batch ?? [];
    if (!batch || !first) return;
    for (const way of batch.keys()) mkdirSync(folderOf(index, way));
    exporterOf(exporters, first.exporter)?.ask({
      ...{ library: first.library, name: first.name, size: sizeOf(first.name) },
      ways: batch.map(({ exporter, opset }, way) => ({ exporter, opset, folder: folderOf(index, way) })),
    });
  };
  try {
    ask(0);
    for (const [index, batch] of todo.entries()) {
      ask(index + 1); // the exporter works on the next net while this one is compared
      for (const [way, request] of batch.entries()) {
        const exporter = exporterOf(exporters, request.exporter);
        if (!exporter) continue;
        const result = await resultOf(request, folderOf(index, way), await exporter.answer());
        results.set(keyOf(result), result);
        console.log(print(result));
        if (flags.log !== undefined) appendFileSync(flags.log, `${JSON.stringify(result)}\n`);
      }
      for (const way of batch.keys()) rmSync(folderOf(index, way), { recursive: true, force: true });
    }
  } finally {
    await Promise.all([...exporters.values()].map((exporter) => exporter.end()));
    rmSync(folder, { recursive: true, force: true });
  }
  return [...results.values()];
}

if (!flags.write && spawnSync(usual, ['-c', 'import timm, onnx, onnxruntime']).status !== 0) {
  console.log(
    `references: not checked, since ${usual} lacks timm, onnx or onnxruntime; set MOONLET_PYTHON to one that has them`,
  );
} else {
  const results = flags.write && flags.log !== undefined ? readLog() : await runAll();
  const wrong = results.filter((result) => result.difference !== undefined && !isGood(result));
  const read = results.filter(({ difference }) => difference !== undefined).length;
  console.log(`${read} of ${results.length} read; ${wrong.length} differ by more than the bound`);
  for (const result of wrong) console.log(`  ${print(result)}`);
  if (flags.write) writeTables(results);
  if (wrong.length) process.exitCode = 1;
}
