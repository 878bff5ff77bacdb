/**
 * @file Holds fromOnnx to ONNX's own backend tests of single nodes (`npm run references -- onnx-node-tests [PATTERN] [--write]`).
 * Each passes, is refused with a reason, or is DIFFERENT, which is a fault. MOONLET_PYTHON names an interpreter that has onnx;
 * --write makes the table of docs/import.md, from a run of all tests.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { defined, item } from '../../src/access.ts';
import { compile } from '../../src/engine/index.ts';
import { MoonletError, messageOf, oneLine } from '../../src/errors.ts';
import { fromOnnx, type OnnxEnd, type OnnxNet } from '../../src/import/index.ts';
import { writeSection } from './onnx-nets-table.ts';

interface Tensor {
  readonly shape: readonly number[];
  readonly type: string;
  /** Doubles, little-endian, as base64. */
  readonly values: string;
}
interface Case {
  readonly name: string;
  readonly ops: readonly string[];
  readonly rtol: number;
  readonly atol: number;
  readonly skipped?: string;
  readonly model?: string;
  readonly input?: Tensor;
  readonly outputs?: readonly Tensor[];
}
interface Verdict {
  readonly verdict: 'passed' | 'refused' | 'DIFFERENT' | 'skipped';
  readonly why: string;
}

const python = process.env['MOONLET_PYTHON'] ?? 'python3';
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { write: { type: 'boolean', default: false } },
});
const pattern = new RegExp(positionals[0] ?? '');

const numbersOf = ({ values }: Tensor): Float64Array =>
  new Float64Array(new Uint8Array(Buffer.from(values, 'base64')).buffer);

/** From the order of axes in the file to batch, height, width, channels; `1` and missing axes are of size 1. */
function channelsLast({ shape }: Tensor, numbers: Float64Array, { axes }: OnnxEnd): Float32Array {
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, d) => a * d, 1));
  const places = [...'nhwc'].map((letter) => {
    const i = axes.indexOf(letter);
    return i < 0 ? ([1, 0] as const) : ([item(shape, i), item(strides, i)] as const);
  });
  let at = [0];
  for (const [size, stride] of places)
    at = at.flatMap((from) => Array.from({ length: size }, (_, i) => from + i * stride));
  return Float32Array.from(at, (i) => numbers[i] ?? Number.NaN);
}

async function outputsOf(net: OnnxNet, x: Float32Array): Promise<ReadonlyMap<string, Float32Array>> {
  const compiled = await compile(net, { values: [...new Set(net.report.outputs.map(({ node }) => node))] });
  const out = await compiled.run(x);
  await compiled.release();
  return out;
}

/** The first value that is further from ONNX's than the test allows. */
function difference(ours: Float32Array, theirs: Float32Array, { rtol, atol }: Case): string | undefined {
  if (ours.length !== theirs.length) return `${ours.length} values, not ${theirs.length}`;
  const i = theirs.findIndex((t, i) => {
    const o = ours[i] ?? Number.NaN;
    if (Number.isNaN(t) || Number.isNaN(o)) return !(Number.isNaN(t) && Number.isNaN(o));
    return o !== t && !(Math.abs(o - t) <= atol + rtol * Math.abs(t));
  });
  return i < 0 ? undefined : `value ${i}: ${ours[i]}, not ${theirs[i]}`;
}

async function verdictOf(test: Case): Promise<Verdict> {
  if (!test.model || !test.input || !test.outputs) return { verdict: 'skipped', why: test.skipped ?? '' };
  const { input } = test;
  let net: OnnxNet;
  try {
    net = fromOnnx(new Uint8Array(Buffer.from(test.model, 'base64')));
  } catch (e) {
    const verdict = e instanceof MoonletError ? 'refused' : 'DIFFERENT';
    return { verdict, why: verdict === 'refused' ? oneLine(messageOf(e)) : `threw ${messageOf(e)}` };
  }
  const { inputs, outputs } = net.report;
  if (inputs.length !== 1) return { verdict: 'DIFFERENT', why: `${inputs.length} inputs` };
  if (outputs.length !== test.outputs.length)
    return { verdict: 'DIFFERENT', why: `${outputs.length} outputs, not ${test.outputs.length}` };
  const found = await outputsOf(net, channelsLast(input, numbersOf(input), item(inputs, 0)));
  for (const [i, end] of outputs.entries()) {
    const theirs = item(test.outputs, i);
    const ours = defined(found.get(end.node), `value of ${end.node}`);
    const why = difference(ours, channelsLast(theirs, numbersOf(theirs), end), test);
    if (why) return { verdict: 'DIFFERENT', why: `${end.name} (${theirs.type} [${theirs.shape}]): ${why}` };
  }
  return { verdict: 'passed', why: '' };
}

const child = spawn(python, ['scripts/reference/onnx_node_tests.py'], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const ended = once(child, 'close');
const counts = new Map<string, number>();
const byOp = new Map<string, Map<string, number>>();
/** Ops of which at least one test is not refused for lack of a counterpart. */
const claimed = new Set<string>();
let version = '';
for await (const line of createInterface({ input: child.stdout })) {
  const row: Case | { readonly onnx: string } = JSON.parse(line);
  if ('onnx' in row) {
    version = row.onnx;
    continue;
  }
  const test = row;
  if (!pattern.test(test.name)) continue;
  const { verdict, why } = await verdictOf(test).catch(
    (e: unknown): Verdict => ({ verdict: 'DIFFERENT', why: `threw ${messageOf(e)}` }),
  );
  console.log(`${verdict.padEnd(9)} ${test.name}${why ? `: ${why.slice(0, 160)}` : ''}`);
  counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  const [op = '', ...others] = test.ops;
  if (others.length) continue;
  if (verdict !== 'skipped' && !/has no counterpart|operator set/.test(why)) claimed.add(op);
  const tally = byOp.get(op) ?? new Map<string, number>();
  byOp.set(op, tally.set(verdict, (tally.get(verdict) ?? 0) + 1));
}
const [status] = await ended;
if (status !== 0) {
  console.error(`onnx-node-tests: ${python} failed; MOONLET_PYTHON names an interpreter that has onnx`);
  process.exitCode = 1;
}
const ops = [...byOp].filter(([op]) => claimed.has(op)).sort(([a], [b]) => (a < b ? -1 : 1));
for (const [op, tally] of ops)
  console.log(`${op}: ${[...tally].map(([verdict, n]) => `${n} ${verdict}`).join(', ')}`);
const verdicts = ['passed', 'refused', 'DIFFERENT', 'skipped'] as const;
const figures = verdicts.map((verdict) => `${counts.get(verdict) ?? 0} ${verdict}`).join(', ');
console.log(`onnx ${version}: ${figures}`);
if (counts.has('DIFFERENT')) process.exitCode = 1;
if (flags.write && status === 0 && positionals.length === 0) writeSection('onnx-node-tests', section());

function section(): string {
  const of = (tally: ReadonlyMap<string, number>, verdict: Verdict['verdict']): number =>
    tally.get(verdict) ?? 0;
  const rows = ops
    .filter(([, tally]) => of(tally, 'passed') + of(tally, 'DIFFERENT') > 0)
    .map(
      ([op, tally]) =>
        `| ${op} | ${of(tally, 'passed')} | ${of(tally, 'refused')} | ${of(tally, 'DIFFERENT')} |`,
    );
  return [
    `Tests of onnx ${version}: ${figures.replace('DIFFERENT', 'different')}.`,
    '',
    '| op, in tests of it alone | passed | refused | different |',
    '|---|---|---|---|',
    ...rows,
  ].join('\n');
}
