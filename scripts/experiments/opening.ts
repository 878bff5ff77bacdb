/**
 * @file CPU time of what comes before the first step of T3, for the table of docs/tracing.md (`npm run experiment -- opening`): plan to
 * session, with the cache of models and without; the session alone, in several forms; chains of equal ops; and surgery on MobileNetV2. The
 * least of several runs counts, since CPU time on a busy machine errs upwards only.
 *
 *   npm run experiment -- opening
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { caseOf } from '../../src/bench/cases.ts';
import { print } from '../../src/cli/say.ts';
import { pruneChannels, verifyCertificate } from '../../src/edit/index.ts';
import { prepare, useBackend } from '../../src/engine/index.ts';
import { trace } from '../../src/jit/index.ts';
import { blockOf, sessionOptions } from '../../src/jit/runtime.ts';
import { crossEntropy } from '../../src/learn/loss/index.ts';
import { sgd, step } from '../../src/learn/train/index.ts';
import { encodeModel, type OnnxNode } from '../../src/onnx/index.ts';
import { columns } from '../../src/read/index.ts';
import { init } from '../../src/weights/index.ts';
import { compose } from '../../zoo/index.ts';

const runs = 8;
const rows: string[][] = [];
const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
/** The first run, and the least of all. */
async function measure(what: string, work: () => unknown, undo: (made: unknown) => unknown = () => {}) {
  const times: number[] = [];
  for (let i = 0; i < runs; i++) {
    const before = cpuMs();
    const made = await work();
    times.push(cpuMs() - before);
    await undo(made);
  }
  const [first = 0] = times;
  rows.push([what, first.toFixed(0), Math.min(...times).toFixed(0)]);
  return Math.min(...times);
}

const { graph, batch } = caseOf('T3');
const planned = () =>
  step({
    ...{ graph, batch, optimizer: sgd({ nesterov: true }) },
    losses: [crossEntropy()({ student: graph })],
  });
await useBackend('cpu');
const folder = mkdtempSync(join(tmpdir(), 'moonlet-opening-'));
Object.assign(process.env, { MOONLET_CACHE: folder, MOONLET_MODEL_CACHE: '' });
for (const modelCache of [false, true]) {
  const open = async () => {
    const plan = planned();
    return prepare(plan.fn, plan.specs, { key: plan.key, modelCache });
  };
  const release = (made: unknown) => (made as { release(): Promise<void> }).release();
  await measure(modelCache ? 'T3, from the cache' : 'T3, traced and compiled', open, release);
}

const block = await blockOf(ort);
const plan = planned();
const { model, nodes } = trace(plan.fn, plan.specs, { join: true, ...(block ? { block } : {}) });
const usual: ort.InferenceSession.SessionOptions = {
  ...{ ...sessionOptions(), graphOptimizationLevel: 'disabled', enableMemPattern: false },
};
const session = (what: string, bytes: Uint8Array, more: ort.InferenceSession.SessionOptions = {}) =>
  measure(
    what,
    () => ort.InferenceSession.create(bytes, { ...usual, ...more }),
    (made) => (made as ort.InferenceSession).release(),
  );
await session(`T3's session, ${nodes} nodes`, model);
const file = join(folder, 'step.ort');
await (await ort.InferenceSession.create(model, { ...usual, optimizedModelFilePath: file })).release();
const own = readFileSync(file);
await session(`the same from .ort (${(own.length / model.length).toFixed(1)} times the bytes)`, own);
for (const entry of ['disable_prepacking', 'use_env_allocators'])
  await session(`the same with ${entry}`, model, { extra: { session: { [entry]: '1' } } });
await session('the same without the arena', model, { enableCpuMemArena: false });

const chain = (opType: string, count: number): Uint8Array => {
  const node = (_: unknown, i: number): OnnxNode => ({
    ...{ opType, inputs: opType === 'Mul' ? [`v${i}`, `v${i}`] : [`v${i}`], outputs: [`v${i + 1}`] },
  });
  return encodeModel({
    ...{ name: 'chain', nodes: Array.from({ length: count }, node), initializers: [] },
    inputs: [{ name: 'v0', dtype: 'float32', shape: [16, 16] }],
    outputs: [{ name: `v${count}`, dtype: 'float32', shape: [16, 16] }],
  });
};
for (const [opType, count] of [
  ['Mul', 3000],
  ['Neg', 3000],
  ['Transpose', 3000],
] as const)
  await session(`a chain of ${count} ${opType}`, chain(opType, count));

const net = init(compose('mobilenet-v2'), { seed: 1 });
const pruned = pruneChannels(net, { ratio: 0.3 }, { roundTo: 1 });
const masked = pruned.masked();
await measure('MobileNetV2 at 224, pruned', () => pruneChannels(net, { ratio: 0.3 }, { roundTo: 1 }));
await measure('masked', () => pruned.masked());
await measure('certified', () => verifyCertificate(masked, pruned.net, pruned.maps));
rmSync(folder, { recursive: true });
print(columns([['CPU time in ms', 'first', 'least'], ...rows], [1, 2]));
process.exit(0); // onnxruntime keeps threads
