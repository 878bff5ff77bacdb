/** @file Law 6: engines agree. One function a claim, so that small and deep suites say the same. */

import { expect } from 'chai';
import { compile, type EngineName, type Prepared, prepare } from '../../src/engine/index.ts';
import type { Graph } from '../../src/graph/index.ts';
import { inputShape, onlyOutput } from '../../src/graph/index.ts';
import type { Arrays } from '../../src/jit/index.ts';
import { crossEntropy } from '../../src/learn/loss/index.ts';
import { adam, firstState, type Optimizer, type Step, sgd, step } from '../../src/learn/train/index.ts';
import { interpretedStep, plainStep } from './blocks.ts';
import { calibrated } from './calibrated.ts';
import { distance, largestDifference, noise, oneUlpOff, shaken, sizeOf } from './nets.ts';

interface Made {
  readonly before: Arrays;
  /** The state after each step. */
  readonly after: readonly Arrays[];
  readonly losses: readonly number[];
}

/** What makes a step ready to run: an engine, onnxruntime on a graph without blocks, the one for browsers, or the interpreter on blocks of a size. */
export type Runner = EngineName | 'plain' | 'web' | { readonly block: number | undefined };

async function readied(plan: Step, runner: Runner): Promise<Pick<Prepared, 'run' | 'release'>> {
  if (runner === 'web') return prepare(plan.fn, plan.specs, { runtime: await import('onnxruntime-web') });
  if (runner === 'plain') return plainStep(plan);
  if (typeof runner === 'string') return prepare(plan.fn, plan.specs, { engine: runner });
  return interpretedStep(plan, runner.block);
}

/** Some steps of a net on made-up images, on an engine or in the interpreter. */
export async function steps(
  graph: Graph,
  runner: Runner,
  o: {
    count?: number;
    batch?: number;
    optimizer?: Optimizer;
    ulp?: number;
    rate?: number;
    calm?: boolean;
    /** Other images, by a number. */
    draw?: number;
  } = {},
): Promise<Made> {
  const {
    count = 1,
    batch = 4,
    optimizer = sgd({ nesterov: true, weightDecay: 5e-4 }),
    ulp = 0,
    rate = 0.05,
    calm = false,
    draw = 0,
  } = o;
  const net = shaken(graph, 1, calm);
  const plan = step({
    graph,
    losses: [crossEntropy({ labelSmoothing: 0.1 })({ student: graph })],
    optimizer,
    batch,
  });
  const ready = await readied(plan, runner);
  const before = firstState(net, plan.specs.state);
  const after: Arrays[] = [];
  const losses: number[] = [];
  let state = before;
  for (let i = 0; i < count; i++) {
    const x = noise(batch * sizeOf(inputShape(graph)), 'x', i + 1000 * draw);
    const inputs: Record<string, Float32Array | Int32Array> = {
      x: ulp ? oneUlpOff(x, ulp) : x,
      labels: Int32Array.from({ length: batch }, (_, k) => (3 * k + i) % 10),
      rate: Float32Array.of(rate),
      'loss/cross-entropy': Float32Array.of(1),
    };
    for (const [name, value] of Object.entries(optimizer.numbers(i + 1))) {
      inputs[`optimizer/${name}`] = Float32Array.of(value);
    }
    for (const [id, shape] of plan.noise)
      inputs[`noise/${id}`] = noise(sizeOf(shape), id, i).map((v) => Math.abs(v) % 1);
    const done = await ready.run(state, inputs);
    state = done.state;
    after.push(state);
    losses.push(done.outputs['loss']?.[0] ?? Number.NaN);
  }
  await ready.release();
  return { before, after, losses };
}

const named = (state: Arrays, prefix: string): [string, Float32Array][] =>
  Object.entries(state).filter((e): e is [string, Float32Array] => e[0].startsWith(prefix));
export const change = ({ before, after }: Made): Float32Array[] =>
  named(after[0] as Arrays, 'weight/').map(([key, now]) => {
    const then = before[key] as Float32Array;
    return now.map((value, i) => value - (then[i] as number));
  });

interface Pair {
  readonly batch?: number;
  /** Held against `reference`. */
  readonly engine?: Runner;
  readonly reference?: Runner;
  /** Where one ulp of the input is tried; the reference alone unless told. */
  readonly chaosOn?: readonly Runner[];
  /**
   * Of so many draws of images at most, one must agree; 1 unless told. Of millions of values behind relus, a few may stand so near the kink
   * that an engine's rounding turns them, which one ulp of the images may not show; a fault of an engine shows with all images.
   */
  readonly draws?: number;
}
/** The largest difference of a step that is held against another one. */
const most = 5e-2;

/**
 * |dW - dW'| / |dW| of one step, against ten times the most that one ulp of the input does in three tries, and never above 5e-2.
 * Some nets are so deep in narrow relus that one ulp turns enough of them to change a step by more than that: no engine could be told
 * from another by it. Their norms are then shifted above the kinks (`calm`), where one ulp changes 1e-6, and so they are held.
 */
export async function expectStepsAgree(graph: Graph, o: Pair = {}, calm = false): Promise<void> {
  const { batch = 4, engine = 'onnxruntime', reference = 'cpu', chaosOn = [reference], draws = 1 } = o;
  const on = async (name: Runner, ulp = 0): Promise<Float32Array[]> =>
    change(await steps(graph, name, { batch, ulp, calm, draw: draws - 1 }));
  const found = new Map<Runner, Float32Array[]>([
    [reference, await on(reference)],
    [engine, await on(engine)],
  ]);
  let chaos = 0;
  for (const name of chaosOn) {
    for (const ulp of [1, 2, 3]) {
      chaos = Math.max(chaos, distance(await on(name, ulp), found.get(name) as Float32Array[]));
    }
  }
  if (chaos > most && !calm) return expectStepsAgree(graph, o, true);
  const difference = distance(found.get(engine) as Float32Array[], found.get(reference) as Float32Array[]);
  const bound = Math.min(most, Math.max(10 * chaos, 1e-5));
  if (difference >= bound && draws > 1) return expectStepsAgree(graph, { ...o, draws: draws - 1 }, calm);
  expect(difference, `${graph.name}: one ulp of the input changes ${chaos}`).to.be.below(bound);
}

/** Adam's moments after one step: its update divides by their root, which makes a sign of any small gradient. */
export async function expectAdamAgrees(graph: Graph): Promise<void> {
  const [eager, traced] = await Promise.all(
    (['cpu', 'onnxruntime'] as const).map((engine) => steps(graph, engine, { optimizer: adam() })),
  );
  for (const slot of ['first/', 'second/']) {
    const [a, b] = [traced, eager].map((m) => named(m?.after[0] as Arrays, slot).map(([, v]) => v));
    expect(distance(a as Float32Array[], b as Float32Array[]), slot).to.be.below(1e-3);
  }
}

/** Weights after some steps, tensor by tensor. */
export async function expectRunsAgree(graph: Graph, count: number, bound: number): Promise<void> {
  const eager = (await steps(graph, 'cpu', { count })).after.at(-1) as Arrays;
  const traced = (await steps(graph, 'onnxruntime', { count })).after.at(-1) as Arrays;
  for (const [key, value] of named(eager, 'weight/')) {
    expect(distance([traced[key] as Float32Array], [value]), key).to.be.below(bound);
  }
}

/** Inference on every engine that npm alone gives, within 1e-4 of the largest output. */
export async function expectForwardAgrees(
  graph: Graph,
  engines: readonly EngineName[] = ['cpu', 'wasm', 'onnxruntime'],
): Promise<void> {
  const net = await calibrated(graph);
  const x = noise(2 * sizeOf(inputShape(graph)), 'forward');
  let expected: Float32Array | undefined;
  for (const engine of engines) {
    const runner = await compile(net, { engine });
    const found = (await runner.run(x)).get(onlyOutput(graph)) as Float32Array;
    await runner.release();
    expected ??= found;
    expect(largestDifference(found, expected), `${graph.name} on ${engine}`).to.be.below(1e-4);
  }
}
