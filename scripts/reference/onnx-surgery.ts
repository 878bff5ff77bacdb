/**
 * @file Grows, prunes and quantizes nets that `fromOnnx` reads, and prunes the same nets with Torch-Pruning
 * (`npm run references -- onnx-surgery [--only PATTERN] [--list FILE] [--log FILE] [--write]`). The nets are in
 * onnx-surgery.json. MOONLET_PYTHON names an interpreter that has what onnx-nets needs, and torch-pruning 1.6.
 *
 * Each net is exported with random weights, and read. Then:
 * - every stage is widened by 1.5; the outputs must be the same within 1e-5 of the largest;
 * - 30 % of the channels of every layer are removed by the L2 norm of their filters; the outputs must be those of the masked
 *   net within 1e-5. In the masked net, convs and dense layers have zeros where they read a removed channel;
 * - it is quantized to 8 bits, exported, and run by onnxruntime-node.
 *
 * --log keeps the results, so that a run can be continued; --write makes the table of docs/import.md of a log.
 */
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { quantizeByData } from '../../src/compress/index.ts';
import { grow, pruneChannels, verifyCertificate } from '../../src/edit/index.ts';
import { runModel } from '../../src/engine/index.ts';
import { messageOf } from '../../src/errors.ts';
import { toOnnx } from '../../src/export/index.ts';
import { inputShape, stages } from '../../src/graph/index.ts';
import { fromOnnx } from '../../src/import/index.ts';
import { random } from '../../src/random.ts';
import { cost } from '../../src/read/cost.ts';
import type { Net } from '../../src/weights/index.ts';
import { floatsIn, type NetName, netsIn, sizeOf, startExporter, usual } from './onnx-exporters.ts';
import { bound, writeSurgery } from './onnx-surgery-table.ts';
import { deviation } from './pretrained/report.ts';

/** A comparison, or why there is none. */
export interface Outcome {
  /** Largest difference of the outputs, as a share of the largest. */
  readonly difference?: number;
  readonly error?: string;
  readonly seconds?: number;
}
/** Pruning: the parameters before and after. */
export interface PruneOutcome extends Outcome {
  readonly params?: number;
  readonly prunedParams?: number;
}
/** All that was done to one net. */
export interface Surgery extends NetName {
  readonly exporter: string;
  readonly opset: number;
  readonly stages?: number;
  readonly read?: Outcome;
  readonly growth?: Outcome & { readonly flaws?: number };
  readonly pruning?: PruneOutcome & { readonly flaws?: number };
  /** Signal to noise of the integers' outputs in decibels. */
  readonly integers?: { readonly decibels?: number; readonly error?: string };
  /** By Torch-Pruning; undefined for nets that are no PyTorch modules. */
  readonly torch?: PruneOutcome;
  readonly notExported?: string;
}

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string', default: '.' },
    list: { type: 'string', default: 'scripts/reference/onnx-surgery.json' },
    log: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
/** The exporters of PyTorch, in turn. */
const ways = [
  { exporter: 'torchscript', opset: 17 },
  { exporter: 'dynamo', opset: 18 },
];

/** The net's inputs [n, c, h, w] as its values lie, [n, h, w, c]. */
function channelsLast(x: Float32Array, [h, w, c]: readonly [number, number, number]): Float32Array {
  const places = h * w;
  return x.map((_, i) => {
    const [image, rest] = [Math.floor(i / (places * c)), i % (places * c)];
    return x[image * places * c + (rest % c) * places + Math.floor(rest / c)] ?? Number.NaN;
  });
}

/** The first output, by onnxruntime-node on the exported file. */
const outputOf = async (net: Net, x: Float32Array): Promise<Float32Array> =>
  (await runModel(toOnnx(net), x, 1))[0] ?? new Float32Array();

async function attempt<T extends object>(what: () => Promise<T>): Promise<T | { readonly error: string }> {
  try {
    return await what();
  } catch (e) {
    return { error: messageOf(e) };
  }
}

async function grown(net: Net, x: Float32Array, wanted: Float32Array): Promise<Surgery['growth']> {
  const names = stages(net.graph).map((s) => s.name);
  if (!names.length) throw new Error('no stages');
  const growth = grow(net, [{ widen: Object.fromEntries(names.map((name) => [name, 'x1.5' as const])) }]);
  const flaws = verifyCertificate(net, growth.net, growth.maps).length;
  return { difference: deviation(await outputOf(growth.net, x), wanted), flaws };
}

async function pruned(net: Net, x: Float32Array): Promise<Surgery['pruning']> {
  const start = performance.now();
  const result = pruneChannels(net, { ratio: 0.3 }, { roundTo: 1 });
  const seconds = (performance.now() - start) / 1000;
  const masked = result.masked();
  const difference = deviation(await outputOf(result.net, x), await outputOf(masked, x));
  const flaws = verifyCertificate(masked, result.net, result.maps).length;
  const [params, prunedParams] = [cost(net.graph).params, cost(result.net.graph).params];
  return { difference, seconds, params, prunedParams, flaws };
}

async function quantized(net: Net, x: Float32Array, wanted: Float32Array): Promise<Surgery['integers']> {
  const examples = 8;
  const source = random('onnx-surgery', 1);
  const size = inputShape(net.graph).reduce((n, d) => n * d, 1);
  const batch = Float32Array.from({ length: examples * size }, source.normal);
  const got = await outputOf(await quantizeByData(net, [batch]), x);
  const mean = wanted.reduce((a, b) => a + b, 0) / wanted.length;
  let [signal, noise] = [0, 0];
  for (const [i, v] of wanted.entries()) {
    signal += (v - mean) ** 2;
    noise += ((got[i] ?? Number.NaN) - v) ** 2;
  }
  const decibels = 10 * Math.log10(signal / noise);
  if (!Number.isFinite(decibels)) throw new Error(`outputs of the integers have ${decibels} dB`);
  return { decibels };
}

async function surgery(folder: string): Promise<Pick<Surgery, 'read' | 'growth' | 'pruning' | 'integers'>> {
  const { report, ...net } = fromOnnx(readFileSync(join(folder, 'model.onnx')));
  const [h, w, c = 1] = inputShape(net.graph);
  const file = floatsIn(join(folder, 'x.f32'));
  const x = report.inputs[0]?.axes === 'nhwc' || w === undefined ? file : channelsLast(file, [h, w, c]);
  const wanted = await outputOf(net, x);
  return {
    read: { difference: deviation(wanted, floatsIn(join(folder, 'y.f32'))) },
    ...{ stages: stages(net.graph).length },
    growth: await attempt(() => grown(net, x, wanted).then((g) => g ?? {})),
    pruning: await attempt(() => pruned(net, x).then((p) => p ?? {})),
    integers: await attempt(() => quantized(net, x, wanted).then((q) => q ?? {})),
  };
}

const figure = ({ difference, error }: Outcome = {}): string =>
  error ?? difference?.toExponential(1) ?? 'not done';
const print = (r: Surgery): void =>
  console.log(
    r.notExported
      ? `${r.library}/${r.name}: not exported: ${r.notExported}`
      : `${r.library}/${r.name}: read ${figure(r.read)} | ${r.stages} stages, grown ${figure(r.growth)} | pruned ${figure(r.pruning)} | int8 ${r.integers?.error ?? `${r.integers?.decibels?.toFixed(0)} dB`} | Torch-Pruning ${figure(r.torch)}`,
  );

const readLog = (file = flags.log): readonly Surgery[] =>
  file !== undefined && existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line): Surgery => JSON.parse(line))
    : [];

async function runAll(): Promise<readonly Surgery[]> {
  const results = [...readLog()];
  const known = new Set(results.map(({ library, name }) => `${library}/${name}`));
  const chosen = new RegExp(flags.only);
  const python = startExporter<{ readonly pruning?: PruneOutcome }>('onnx_surgery.py');
  const folder = mkdtempSync(join(tmpdir(), 'onnx-surgery-'));
  try {
    for (const [i, net] of netsIn(flags.list).entries()) {
      const id = `${net.library}/${net.name}`;
      if (known.has(id) || !chosen.test(id)) continue;
      const way = ways[i % ways.length] ?? { exporter: '', opset: 0 };
      const request = { ...net, ...way, ...(net.library === 'keras' ? { exporter: 'keras' } : {}) };
      const { library, name, exporter, opset } = request;
      python.ask({ library, name, size: sizeOf(name), ways: [{ exporter, opset, folder }] });
      const said = await python.answer();
      const torch = said.pruning ? { torch: said.pruning } : {};
      const result: Surgery = said.error
        ? { ...request, notExported: said.error }
        : {
            ...request,
            opset: said.opset ?? way.opset,
            ...torch,
            ...(await attempt(() => surgery(folder)).then((s) => ('error' in s ? { read: s } : s))),
          };
      for (const file of ['model.onnx', 'model.onnx.data', 'x.f32', 'y.f32'])
        rmSync(join(folder, file), { force: true });
      results.push(result);
      print(result);
      if (flags.log !== undefined) appendFileSync(flags.log, `${JSON.stringify(result)}\n`);
    }
  } finally {
    await python.end();
    rmSync(folder, { recursive: true, force: true });
  }
  return results;
}

/** What the command requires of every net. */
const failures = ({ read, growth, pruning, integers, notExported }: Surgery): readonly string[] => [
  ...(notExported === undefined ? [] : ['not exported']),
  ...((read?.difference ?? 1) <= 1e-4 ? [] : ['read']),
  ...((growth?.difference ?? 1) <= bound && growth?.flaws === 0 ? [] : ['growth']),
  ...((pruning?.difference ?? 1) <= bound && pruning?.flaws === 0 ? [] : ['pruning']),
  ...(integers?.decibels === undefined ? ['int8'] : []),
];

const packages = ['timm', 'onnx', 'onnxruntime', 'onnxscript', 'torch_pruning'];
if (!flags.write && spawnSync(usual, ['-c', `import ${packages.join()}`]).status !== 0) {
  console.log(
    `references: not checked, since ${usual} lacks one of ${packages.join(', ')}; set MOONLET_PYTHON to one that has them`,
  );
} else {
  const results = flags.write && flags.log !== undefined ? readLog() : await runAll();
  const failed = results.filter((r) => failures(r).length);
  console.log(`${results.length - failed.length} of ${results.length} nets passed`);
  for (const r of failed) console.log(`  ${r.library}/${r.name}: ${failures(r).join(', ')}`);
  if (flags.write) writeSurgery(results, netsIn(flags.list).length);
  if (failed.length) process.exitCode = 1;
}
