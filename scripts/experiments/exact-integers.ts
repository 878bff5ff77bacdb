/**
 * @file int8 files on processors with and without VNNI: each shipped student, and three calibrated nets of each kind, as
 * `export --int8` writes them, under onnxruntime's defaults against their simulation in floats. With qemu-user it runs them
 * as an AVX2 and an SSE4.2 processor too. Writes the tables of docs/integers.md.
 *
 *   npm run experiment -- exact-integers [--images 1000] [--emulate max] [--only mnist/wrn-16-1,squeezenet,forms]
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { note } from '../../src/cli/say.ts';
import { quantizeByData } from '../../src/compress/index.ts';
import { type Labels, loadDataset, take } from '../../src/data/index.ts';
import { compile } from '../../src/engine/index.ts';
import { readText, writeAtomically } from '../../src/files/index.ts';
import { inputShape } from '../../src/graph/index.ts';
import { passes } from '../../src/learn/task/index.ts';
import { encodeModel, type OnnxModel, type OnnxTensor } from '../../src/onnx/index.ts';
import { toOnnx } from '../../src/read/onnx.ts';
import { integerLayers } from '../../src/read/onnx-integer.ts';
import type { Net } from '../../src/weights/index.ts';
import { calibrated } from '../../test/support/calibrated.ts';
import { noise, small } from '../../test/support/nets.ts';
import { loadStudent, readCard, studentNames } from '../../zoo/index.ts';
import { guesses } from '../lib/guesses.ts';
import { marks, remarked, table } from '../lib/markdown.ts';
import { hasQemu, type Processor, processors, runOn } from '../lib/processors.ts';

const { values: flags } = parseArgs({
  options: {
    images: { type: 'string', default: '1000' },
    only: { type: 'string' },
    emulate: { type: 'string' },
  },
});
const count = Number(flags.images);
const wanted = (name: string): boolean => !flags.only || flags.only.split(',').includes(name);
const emulated = (cpu: string): boolean =>
  hasQemu() && (!flags.emulate || flags.emulate.split(',').includes(cpu));
const machines = processors.filter((p) => !p.cpu || emulated(p.cpu));
const families = [
  ...['wrn', 'mobilenet-v2', 'mobilenet-v3-small', 'shufflenet-v1', 'shufflenet-v2', 'squeezenet'],
  ...['ghostnet', 'igcv3', 'resnet-cifar', 'fitnet-1', 'snn', 'lenet-5', 'lcnet', 'densenet-cifar'],
];
const batch = 50;

/** What the simulation, which runs eagerly, says of inputs, [n, classes] flat. */
async function simulated(net: Net, x: Float32Array): Promise<Float32Array> {
  const runner = await compile(net, { engine: 'wasm' });
  const [values] = [...(await runner.runMany(x, batch)).values()];
  await runner.release();
  return values as Float32Array;
}

/** The share of outputs within a step: the range of all in 8 bits, or the output's own step. */
function within(net: Net, got: Float32Array, simulation: Float32Array): number {
  const op = net.graph.nodes.find((n) => n.id === net.graph.outputs[0])?.op;
  const range = simulation.reduce((a, b) => Math.max(a, b)) - simulation.reduce((a, b) => Math.min(a, b));
  const step = op?.kind === 'quantize' ? op.scale : range / 255;
  return got.filter((v, i) => Math.abs(v - (simulation[i] as number)) <= 1.001 * step).length / got.length;
}

function accuracy(logits: Float32Array, labels: Labels): number {
  const right = guesses(logits, logits.length / labels.length).filter((c, i) => c === labels[i]);
  return right.length / labels.length;
}

const file = (net: Net): Uint8Array => encodeModel(toOnnx(net));
const percent = (share: number): string => (100 * share).toFixed(2);
const run = (machine: Processor, bytes: Uint8Array, net: Net, x: Float32Array): Float32Array =>
  runOn(machine, bytes, x, [batch, ...inputShape(net.graph)]);

interface Case {
  readonly net: Net;
  readonly seen: readonly Float32Array[];
  readonly x: Float32Array;
  readonly labels: Labels;
}
async function studentCase(name: string): Promise<Case> {
  const net = loadStudent(name);
  const data = await loadDataset(readCard(name).data);
  const seen = [...passes(take(data.train, 1000, 0), data, 250)].map((b) => b.x);
  const split = take(data.test, count, 1);
  const parts = [...passes(split, data, batch)].map((b) => b.x);
  const x = new Float32Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    x.set(part, at);
    at += part.length;
  }
  return { net, seen, x, labels: split.labels };
}

/** Kernels of unsigned codes as signed ones: what files had before, and what saturates. */
function asSigned(model: OnnxModel): OnnxModel {
  const kernels = new Set(
    model.nodes.filter((n) => n.opType === 'Conv' || n.opType === 'Gemm').map((n) => n.inputs[1]),
  );
  const made = model.nodes.filter((n) => kernels.has(n.outputs[0]));
  const touched = new Set(made.flatMap((n) => [n.inputs[0], n.inputs[2]]));
  const initializers = model.initializers.map(
    (t): OnnxTensor =>
      touched.has(t.name) && t.dtype === 'uint8'
        ? { ...t, dtype: 'int8', data: Int8Array.from(t.data as Uint8Array, (v) => v - 128) }
        : t,
  );
  return { ...model, initializers };
}

const rows: string[][] = [];
for (const name of studentNames().filter(wanted)) {
  const { net, seen, x, labels } = await studentCase(name);
  const q = await quantizeByData(net, seen);
  const bytes = file(q);
  const simulation = await simulated(q, x);
  const logits = machines.map((machine) => run(machine, bytes, q, x));
  const { signed, unsigned } = integerLayers(toOnnx(q));
  rows.push([
    name,
    `${signed} / ${unsigned}`,
    String(bytes.length),
    percent(accuracy(simulation, labels)),
    ...logits.flatMap((y) => [percent(accuracy(y, labels)), percent(within(q, y, simulation))]),
  ]);
  note(rows.at(-1)?.join('  ') ?? '');
}
for (const family of families.filter(wanted)) {
  const shares = machines.map((): number[] => []);
  for (const seed of [1, 2, 3]) {
    const net = await calibrated(small(family), seed);
    const length = inputShape(net.graph).reduce((n, d) => n * d, 1);
    const q = await quantizeByData(net, [noise(32 * length, 'seen', seed)], { outputs: true });
    const x = noise(batch * length, 'measured', seed);
    const simulation = await simulated(q, x);
    machines.forEach((machine, i) => {
      shares[i]?.push(within(q, run(machine, file(q), q, x), simulation));
    });
  }
  const mean = (list: readonly number[]): string => percent(list.reduce((a, b) => a + b, 0) / list.length);
  rows.push([`three ${family}`, '', '', '', ...shares.flatMap((list) => ['', mean(list)])]);
  note(rows.at(-1)?.join('  ') ?? '');
}

const forms: string[][] = [];
for (const name of wanted('forms') ? ['mnist/wrn-16-1', 'fashion-mnist/wrn-16-2'] : []) {
  const { net, seen, x, labels } = await studentCase(name);
  const full = await quantizeByData(net, seen, { form: 'full' });
  for (const [what, q, model] of [
    ['u8 x s8, all codes', full, asSigned(toOnnx(full))],
    ['u8 x u8, all codes', full, toOnnx(full)],
    ['u8 x s8, 7 bits', ...(await both(quantizeByData(net, seen, { weights: 7 })))],
    ['u8 x s8, paired', ...(await both(quantizeByData(net, seen)))],
  ] as const) {
    const simulation = await simulated(q, x);
    const bytes = encodeModel(model);
    const logits = machines.map((machine) => run(machine, bytes, q, x));
    forms.push([
      name,
      what,
      String(bytes.length),
      percent(accuracy(simulation, labels)),
      ...logits.flatMap((y) => [percent(accuracy(y, labels)), percent(within(q, y, simulation))]),
    ]);
    note(forms.at(-1)?.join('  ') ?? '');
  }
}
async function both(made: Promise<Net>): Promise<readonly [Net, OnnxModel]> {
  const net = await made;
  return [net, toOnnx(net)];
}

const columns = machines.flatMap(({ name }) => [`${name}: accuracy`, 'within a step']);
const page = join('docs', 'integers.md');
if (!flags.only) {
  const writer = 'scripts/experiments/exact-integers.ts';
  const students = table([['net', 'u8 x s8 / u8 x u8 layers', 'bytes', 'simulation', ...columns], ...rows]);
  const compared = table([['net', 'form', 'bytes', 'simulation', ...columns], ...forms], [0, 1]);
  const text = remarked(readText(page), marks(writer, 'forms'), compared);
  writeAtomically(page, remarked(text, marks(writer, 'nets'), students));
}
