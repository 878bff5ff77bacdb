/**
 * @file Holds fromOnnx to other libraries' nets: each is exported to ONNX with random weights, read, and its logits compared with
 * those of onnxruntime on the file (`npm run references -- onnx-nets [--only PATTERN] [--exporter NAME] [--opset N] [--every N]
 * [--log FILE] [--write]`). The names are in onnx-nets.json. MOONLET_PYTHON names an interpreter that has torch, torchvision,
 * timm, onnx, onnxruntime and onnxscript.
 *
 * Each net is exported by one exporter at one operator set, which go around the list; --exporter and --opset choose one. --log
 * keeps the results, so that a run can be continued; --write makes the table of docs/import.md of a log.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { compile } from '../../src/engine/index.ts';
import { messageOf } from '../../src/errors.ts';
import { fromOnnx } from '../../src/import/index.ts';
import { cost } from '../../src/read/cost.ts';
import { writeTable } from './onnx-nets-table.ts';

/** One net by one exporter. */
export interface Result {
  readonly library: string;
  readonly family: string;
  readonly name: string;
  readonly exporter: string;
  readonly opset: number;
  /** Largest difference of the logits, as a share of the largest. */
  readonly difference?: number;
  readonly params?: number;
  /** Why the net was not read. */
  readonly refused?: string;
  /** Why the library could not export it. */
  readonly notExported?: string;
}

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    exporter: { type: 'string' },
    opset: { type: 'string' },
    every: { type: 'string', default: '1' },
    log: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const list: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = JSON.parse(
  readFileSync('scripts/reference/onnx-nets.json', 'utf8'),
);
/** What goes around the list: exporter and operator set. */
const ways = [
  ...['torchscript 18', 'dynamo 18', 'torchscript 11', 'torchscript 17', 'dynamo 20', 'torchscript 13'],
  ...['torchscript 20', 'dynamo 23', 'torchscript 14', 'torchscript 16', 'dynamo 21', 'torchscript 12'],
];
const bounds: Readonly<Record<string, number>> = { keras: 1e-4 };

function requests(): readonly Omit<Result, 'difference'>[] {
  const all = Object.entries(list).flatMap(([library, families]) =>
    Object.entries(families).flatMap(([family, names]) => names.map((name) => ({ library, family, name }))),
  );
  const pattern = new RegExp(flags.only ?? '.');
  return all.flatMap((net, i) => {
    const [way = '', number = ''] = (ways[i % ways.length] ?? '').split(' ');
    const exporter = net.library === 'keras' ? 'keras' : (flags.exporter ?? way);
    const usual = flags.exporter === undefined || flags.exporter === way ? Number(number) : 18;
    const opset = flags.opset === undefined ? usual : Number(flags.opset);
    const isChosen = pattern.test(`${net.library}/${net.name}`) && i % Number(flags.every) === 0;
    return isChosen ? [{ ...net, exporter, opset }] : [];
  });
}

/** Sizes that a net of fixed size asks for by its name. */
const sizeOf = (name: string): number => {
  const [, own] = /_(\d{3})(?=[._]|$)/.exec(name) ?? [];
  if (/levit|efficientformer|poolformer|swiftformer|fastvit|mobilevit|edgenext|repvit|tiny_vit/.test(name))
    return own ? Number(own) : 224;
  return /inception|xception|nasnet|alexnet|vgg/i.test(name) ? 128 : 64;
};

async function compared(folder: string): Promise<Pick<Result, 'difference' | 'params'>> {
  const floats = (file: string): Float32Array =>
    new Float32Array(new Uint8Array(readFileSync(join(folder, file))).buffer);
  const net = fromOnnx(readFileSync(join(folder, 'model.onnx')));
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

const python = process.env['MOONLET_PYTHON'] ?? 'python3';
const keyOf = ({ library, name, exporter, opset }: Result): string =>
  [library, name, exporter, opset].join(' ');
const readLog = (): readonly Result[] =>
  flags.log !== undefined && existsSync(flags.log)
    ? readFileSync(flags.log, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line): Result => JSON.parse(line))
    : [];

function print(result: Result): string {
  const { library, name, exporter, opset, difference, refused, notExported } = result;
  const told =
    notExported === undefined
      ? (refused ?? `${(difference ?? Number.NaN).toExponential(1)}`)
      : `not exported: ${notExported}`;
  return `${library}/${name} ${exporter} ${opset}: ${told}`;
}

async function runAll(): Promise<readonly Result[]> {
  const results = [...readLog()];
  const known = new Set(results.map(keyOf));
  const folder = mkdtempSync(join(tmpdir(), 'onnx-nets-'));
  const child = spawn(python, ['scripts/reference/onnx_nets.py', folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  try {
    for (const request of requests()) {
      if (known.has(keyOf(request))) continue;
      child.stdin.write(`${JSON.stringify({ ...request, size: sizeOf(request.name) })}\n`);
      const { value, done } = await answers.next();
      if (done) throw new Error('the exporter ended');
      const said = JSON.parse(value);
      let result: Result = { ...request, opset: said.opset ?? request.opset };
      try {
        result = said.error
          ? { ...request, notExported: said.error }
          : { ...request, ...(await compared(folder)) };
      } catch (e) {
        result = { ...request, refused: messageOf(e) };
      }
      for (const file of ['model.onnx', 'model.onnx.data', 'x.f32', 'y.f32'])
        rmSync(join(folder, file), { force: true });
      results.push(result);
      console.log(print(result));
      if (flags.log !== undefined) appendFileSync(flags.log, `${JSON.stringify(result)}\n`);
    }
  } finally {
    child.stdin.end();
    await once(child, 'exit');
    rmSync(folder, { recursive: true, force: true });
  }
  return results;
}

if (spawnSync(python, ['-c', 'import timm, onnx, onnxruntime']).status !== 0 && !flags.write) {
  console.log(
    `references: not checked, since ${python} lacks timm, onnx or onnxruntime; set MOONLET_PYTHON to one that has them`,
  );
} else {
  const results = flags.write && flags.log !== undefined ? readLog() : await runAll();
  const wrong = results.filter(
    ({ library, difference }) => difference !== undefined && !(difference <= (bounds[library] ?? 1e-5)),
  );
  const read = results.filter(({ difference }) => difference !== undefined).length;
  console.log(`${read} of ${results.length} read; ${wrong.length} differ by more than the bound`);
  for (const result of wrong) console.log(`  ${print(result)}`);
  if (flags.write) writeTable(results);
  if (wrong.length) process.exitCode = 1;
}
