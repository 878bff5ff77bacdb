/**
 * @file The latency of every architecture beside its reference's: our ONNX file, the reference's own export, and PyTorch, in turn in
 * one process of onnxruntime and one of Python, at batch 1. Both files hold the same weights, and their logits are compared.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { InferenceSession } from 'onnxruntime-common';
import { median, rounded } from '../../src/bench/numbers.ts';
import { toOnnx } from '../../src/export/index.ts';
import { inputShape } from '../../src/graph/index.ts';
import { importWeights, readWeightFile } from '../../src/import/index.ts';
import { loadRuntime, sessionOptions } from '../../src/jit/runtime.ts';
import { init, type Net } from '../../src/weights/index.ts';
import { largestDifference, sizeOf } from '../../test/support/nets.ts';
import { referenceImages } from '../../test/support/reference-fill.ts';
import { timmNames, torchvisionNames } from '../../zoo/architectures/library-names.ts';
import { architectures, compose } from '../../zoo/index.ts';

export const dataFile = 'docs/benchmarks/zoo-latency.json';
const threads = 2;
/**
 * Runs of each in a round, after one that is not timed; rounds; and the seconds after which a pair of sessions has had enough of them.
 * Sessions differ by where their memory lies, some by a tenth and more, so that each net gets several pairs.
 */
const [runs, mostRounds, leastRounds, enough, pairs] = [5, 7, 3, 2, 5];

/** Medians in milliseconds of one image. */
export interface Measured {
  readonly ours: number;
  /** The reference's model, such as 'timm/tinynet_a', and its size; absent where neither timm nor torchvision has it. */
  readonly reference?: string;
  readonly size: number | readonly number[];
  readonly by?: string;
  readonly export?: number;
  readonly torch?: number;
  /** Median over the rounds of ours by the export's. */
  readonly ratio?: number;
  /** Of the logits of both files, as a share of the largest. */
  readonly difference?: number;
}
export interface Latencies {
  readonly machine: { readonly cpu: string; readonly cores: number; readonly threads: number };
  readonly nets: Readonly<Record<string, Measured>>;
}
export const latencies = (): Latencies | undefined =>
  existsSync(dataFile) ? (JSON.parse(readFileSync(dataFile, 'utf8')) as Latencies) : undefined;

interface Reference {
  readonly library: 'timm' | 'torchvision';
  readonly name: string;
  readonly words: string;
  readonly size: number;
}

/** The first model of timm, else of torchvision, that is the architecture without options, else with the fewest. */
export function referenceOf(architecture: string): Reference | undefined {
  for (const [library, names] of [
    ['timm', timmNames],
    ['torchvision', torchvisionNames],
  ] as const) {
    const known = Object.entries(names)
      .filter(([name, [words]]) => !name.startsWith('tf_') && words.split(' ')[0] === architecture)
      .sort(([, [a]], [, [b]]) => a.split(' ').length - b.split(' ').length);
    const [[name, [words, size]] = ['', ['', 0] as const]] = known;
    if (name) return { library, name, words, size };
  }
  return undefined;
}

/** A Python process that makes the references and times them. */
class Torch {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  constructor(python: string) {
    this.#child = spawn(python, ['scripts/docs/zoo_latency.py', String(threads)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    if (!this.#child.stdout) throw new Error('internal: no pipe');
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }
  async ask<T>(request: object): Promise<T> {
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('Python ended');
    const answer = JSON.parse(value) as T & { readonly error?: string };
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  }
  async end(): Promise<void> {
    this.#child.stdin?.end();
    await once(this.#child, 'close');
  }
}

interface Runner {
  run(): Promise<Float32Array>;
  release(): Promise<void>;
}
async function runner(model: Uint8Array | string, x: Float32Array, dims: readonly number[]): Promise<Runner> {
  const ort = await loadRuntime();
  const session: InferenceSession = await (typeof model === 'string'
    ? ort.InferenceSession.create(model, sessionOptions(threads))
    : ort.InferenceSession.create(model, sessionOptions(threads)));
  const [input = '', output = ''] = [session.inputNames[0], session.outputNames[0]];
  const feeds = { [input]: new ort.Tensor('float32', x, dims) };
  return {
    run: async () => (await session.run(feeds))[output]?.data as Float32Array,
    release: () => session.release(),
  };
}

async function timed(run: () => Promise<unknown>): Promise<readonly number[]> {
  await run();
  const times: number[] = [];
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    await run();
    times.push(performance.now() - start);
  }
  return times;
}

/** Rounds of all sides in turn, the first of a round being another each time. */
async function inTurn(sides: readonly (() => Promise<readonly number[]>)[]): Promise<number[][][]> {
  const rounds = sides.map((): number[][] => []);
  const start = performance.now();
  for (let round = 0; round < mostRounds; round++) {
    if (round >= leastRounds && performance.now() - start > enough * 1e3) break;
    for (let i = 0; i < sides.length; i++) {
      const side = (round + i) % sides.length;
      const times = await sides[side]?.();
      rounds[side]?.push([...(times ?? [])]);
    }
  }
  return rounds;
}

async function measuredAlone(net: Net): Promise<Measured> {
  const shape = inputShape(net.graph);
  const dims = shape.length === 3 ? [1, shape[2], shape[0], shape[1]] : [1, ...shape];
  const ours = await runner(toOnnx(net, { layout: 'NCHW', batch: 1 }), referenceImages(sizeOf(shape)), dims);
  const [rounds = []] = await inTurn([() => timed(ours.run)]);
  await ours.release();
  return { ours: rounded(median(rounds.flat()), 3), size: shape.slice(0, 2) };
}

async function measured(torch: Torch, { library, name, words, size }: Reference): Promise<Measured> {
  const folder = mkdtempSync(join(os.tmpdir(), 'zoo-latency-'));
  try {
    const { by, torch: version } = await torch.ask<{ by: string; torch: string }>({
      ...{ library, name, size, folder },
    });
    const graph = compose(`${words} size=${size}`);
    const file = readWeightFile(readFileSync(join(folder, 'model.safetensors')), 'model.safetensors');
    const { net, hint } = importWeights(graph, file, name, { source: library });
    if (!net) throw new Error(`${name} does not import: ${hint}`);
    const [dims, x] = [[1, 3, size, size], referenceImages(3 * size * size)];
    const bytes = toOnnx(net, { layout: 'NCHW', batch: 1 });
    const [a, b, c]: [number[][], number[][], number[][]] = [[], [], []];
    let difference = 0;
    for (let pair = 0; pair < pairs; pair++) {
      const open = [
        () => runner(bytes, x, dims),
        () => runner(join(folder, 'export.onnx'), x, dims),
      ] as const;
      const second = pair % 2 ? undefined : await open[0]();
      const theirs = await open[1]();
      const ours = second ?? (await open[0]());
      difference = Math.max(difference, largestDifference(await ours.run(), await theirs.run()));
      const found = await inTurn([
        () => timed(ours.run),
        () => timed(theirs.run),
        ...(pair ? [] : [() => torch.ask<number[]>({ runs })]),
      ]);
      for (const [i, all] of [a, b, c].entries()) all.push(...(found[i] ?? []));
      await ours.release();
      await theirs.release();
    }
    return {
      ours: rounded(median(a.flat()), 3),
      export: rounded(median(b.flat()), 3),
      torch: rounded(median(c.flat()), 3),
      ratio: rounded(median(a.map((times, i) => median(times) / median(b[i] ?? []))), 3),
      ...{ reference: `${library}/${name}`, size, by: `${by}, torch ${version}` },
      difference: rounded(difference, 1),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Measures the architectures that the file of data lacks, or these; after each one the file is written, so that an interrupted run
 * goes on where it was.
 */
export async function measureLatencies(only: readonly string[]): Promise<void> {
  const python = process.env['MOONLET_PYTHON'] ?? 'python3';
  if (spawnSync(python, ['-c', 'import timm, torchvision, onnx']).status !== 0) {
    console.log(
      `latency: not measured, since ${python} lacks timm, torchvision or onnx; set MOONLET_PYTHON to one that has them`,
    );
    return;
  }
  const machine = { cpu: os.cpus()[0]?.model ?? '', cores: os.availableParallelism(), threads };
  const nets = { ...latencies()?.nets };
  const torch = new Torch(python);
  try {
    for (const name of architectures.keys()) {
      if (only.length ? !only.includes(name) : nets[name]) continue;
      const reference = referenceOf(name);
      const row = reference ? await measured(torch, reference) : await measuredAlone(init(compose(name)));
      nets[name] = row;
      const sorted = Object.fromEntries(
        [...architectures.keys()].flatMap((n) => (nets[n] ? [[n, nets[n]]] : [])),
      );
      writeFileSync(dataFile, `${textOf({ machine, nets: sorted })}\n`);
      const ratio =
        row.ratio === undefined ? '' : `, export ${row.export}, PyTorch ${row.torch}: ${row.ratio}`;
      console.log(`${name}: ${row.ours} ms${ratio}`);
    }
  } finally {
    await torch.end();
  }
}

/** A line for each net. */
const textOf = ({ machine, nets }: Latencies): string => {
  const lines = Object.entries(nets).map(
    ([name, row]) => `    ${JSON.stringify(name)}: ${JSON.stringify(row)}`,
  );
  return `{\n  "machine": ${JSON.stringify(machine)},\n  "nets": {\n${lines.join(',\n')}\n  }\n}`;
};
