/** @file The share of a step that runs on one thread: measured with one thread and with two, and what more cores would give. */
import * as ort from 'onnxruntime-node';
import { caseOf } from '../../../src/bench/cases.ts';
import { median } from '../../../src/bench/numbers.ts';
import { ms } from '../../../src/bench/text.ts';
import type { CaseName } from '../../../src/bench/types.ts';
import { prepare, useBackend } from '../../../src/engine/index.ts';
import { inputShape, sizeOf } from '../../../src/graph/index.ts';
import type { Runtime } from '../../../src/jit/index.ts';
import { crossEntropy } from '../../../src/learn/loss/index.ts';
import { firstState, sgd, step } from '../../../src/learn/train/index.ts';
import { random } from '../../../src/random.ts';
import { init } from '../../../src/weights/index.ts';
import { table } from '../../lib/markdown.ts';
import type { Figure, Plan, RowKind } from './figure.ts';

const cases: readonly CaseName[] = ['T1', 'T2', 'T3', 'T4'];
const cores = [4, 8, 16] as const;
const betweenRuns = (name: string): string => `${name}, JavaScript between runs`;

export const threads: RowKind = {
  title: 'One thread and two',
  about:
    "A training step in onnxruntime sessions with two threads and with one, run in turn within one process. JavaScript's part of a step (checks, tensors, views) runs on one thread always.",
  measure,
  more,
};

/** A runtime whose sessions count the milliseconds that they run. */
function timedRuntime(): { readonly runtime: Runtime; readonly spent: () => number } {
  let spent = 0;
  const create = async (model: Uint8Array, options: ort.InferenceSession.SessionOptions) => {
    const session = await ort.InferenceSession.create(model, options);
    const run = async (feeds: ort.InferenceSession.FeedsType) => {
      const start = performance.now();
      const results = await session.run(feeds);
      spent += performance.now() - start;
      return results;
    };
    return { run, release: () => session.release() };
  };
  return {
    runtime: { Tensor: ort.Tensor, InferenceSession: { create } } as unknown as Runtime,
    spent: () => spent,
  };
}

interface Runner {
  /** Milliseconds of one step, and of it those outside of the session. */
  run(): Promise<readonly [whole: number, outside: number]>;
  release(): Promise<void>;
}

async function runnerOf(name: CaseName, count: number): Promise<Runner> {
  const { graph, batch } = caseOf(name);
  const losses = [crossEntropy()({ student: graph })];
  const plan = step({ graph, losses, optimizer: sgd({ nesterov: true }), batch });
  const { runtime, spent } = timedRuntime();
  const runner = await prepare(plan.fn, plan.specs, { threads: count, runtime });
  const x = Float32Array.from({ length: batch * sizeOf(inputShape(graph)) }, random('threads').normal);
  const labels = Int32Array.from({ length: batch }, (_, i) => i % 4);
  const inputs = { x, labels, rate: Float32Array.of(1e-3), 'loss/cross-entropy': Float32Array.of(1) };
  let state = firstState(init(graph, { seed: 1 }), plan.specs.state);
  return {
    run: async () => {
      const [start, before] = [performance.now(), spent()];
      state = (await runner.run(state, inputs)).state;
      const whole = performance.now() - start;
      return [whole, whole - (spent() - before)];
    },
    release: () => runner.release(),
  };
}

async function measure({ rounds, quick, say }: Plan): Promise<readonly Figure[]> {
  await useBackend('cpu');
  const figures: Figure[] = [];
  for (const name of cases) {
    const [two, one] = [await runnerOf(name, 2), await runnerOf(name, 1)];
    const all: { readonly two: number[]; readonly one: number[]; readonly outside: number[] } = {
      ...{ two: [], one: [], outside: [] },
    };
    for (let round = -1; round < rounds; round++) {
      const times: (readonly [two: number, one: number, outside: number])[] = [];
      for (let i = 0; i < (quick ? 3 : 20); i++) {
        const [whole, outside] = await two.run();
        times.push([whole, (await one.run())[0], outside]);
      }
      if (round < 0) continue; // warms up
      all.two.push(median(times.map((t) => t[0])));
      all.one.push(median(times.map((t) => t[1])));
      all.outside.push(median(times.map((t) => t[2])));
    }
    await two.release();
    await one.release();
    figures.push(
      { what: name, unit: 'ms', ours: all.two, peer: { name: '1 thread', values: all.one } },
      { what: betweenRuns(name), unit: 'ms', ours: all.outside },
    );
    say(`threads, ${name}: ${JSON.stringify(figures.slice(-2))}`);
  }
  return figures;
}

/**
 * Amdahl's law, t(n) = s + p / n: from t(1) = s + p and t(2) = s + p / 2 follow s = 2 t(2) - t(1) and p = 2 (t(1) - t(2)). Where two
 * threads more than halve the time, s is 0.
 */
function more(figures: readonly Figure[]): readonly string[] {
  const of = (what: string): Figure | undefined => figures.find((f) => f.what === what);
  const rows = cases.flatMap((name) => {
    const [steps, outside] = [of(name), of(betweenRuns(name))];
    if (!steps?.peer || !outside) return [];
    const [two, one] = [median(steps.ours), median(steps.peer.values)];
    const serial = Math.min(one, Math.max(0, 2 * two - one));
    const at = (n: number): number => serial + (one - serial) / n;
    const share = (part: number): string => `${((100 * part) / one).toFixed(0)} %`;
    return [
      [
        ...[name, share(serial), share(median(outside.ours))],
        ...cores.map((n) => `${ms(at(n))} (${(two / at(n)).toFixed(2)})`),
      ],
    ];
  });
  const head = [
    '',
    'on one thread',
    'of it JavaScript',
    ...cores.map((n) => `${n} cores: ms (times faster)`),
  ];
  return [
    'What more cores would give, computed from these figures and not measured: the part of a step that runs on one thread is s = 2 t(2) - t(1), and n cores take s + (t(1) - s) / n (Amdahl 1967). Memory that all cores share, and fewer operations for each thread, make it less.',
    table([head, ...rows]),
  ];
}
