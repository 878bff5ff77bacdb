/** @file Nets that run in a worker: probabilities, the attention of each stage, and the time of a run. */

import { type Compiled, compile } from '../../engine/index.ts';
import { type Graph, graphs, type Net, shapes } from '../../index.ts';

/** A map of what a stage looks at: mean squares over channels, [height, width], largest 1. */
export interface Attention {
  readonly stage: string;
  readonly height: number;
  readonly width: number;
  readonly values: Float32Array;
}
export interface Look {
  readonly probabilities: Float32Array;
  readonly attention: readonly Attention[];
  /** Median of some runs, in milliseconds. */
  readonly ms: number;
}
export interface Running {
  readonly graph: Graph;
  /** Probabilities of examples, one after another. */
  classify(x: Float32Array): Promise<Float32Array>;
  look(x: Float32Array): Promise<Look>;
  release(): Promise<void>;
}

/** The last value of each stage that is a map. */
export function tapsOf(
  graph: Graph,
): readonly { readonly stage: string; readonly id: string; readonly shape: readonly number[] }[] {
  const known = shapes(graph);
  return graphs.stages(graph).flatMap(({ name, end }) => {
    const shape = known.get(end);
    return shape?.length === 3 ? [{ stage: name, id: end, shape }] : [];
  });
}

/** @throws MoonletError when the net has more than one output, or the runtime cannot be loaded. */
export async function running(net: Net): Promise<Running> {
  const { graph } = net;
  const output = graphs.onlyOutput(graph);
  const last = graphs.nodesById(graph).get(output);
  const areProbabilities = last?.op.kind === 'act' && last.op.fn === 'softmax';
  const taps = tapsOf(graph);
  const plain = await compile(net);
  let tapped: Promise<Compiled> | undefined;
  const ends = (values: Float32Array): Float32Array =>
    areProbabilities ? values : softmax(values, graphs.classesOf(graph));
  const classify = async (x: Float32Array): Promise<Float32Array> =>
    ends((await plain.runMany(x)).get(output) ?? new Float32Array());
  return {
    graph,
    classify,
    look: async (x) => {
      const probabilities = await classify(x);
      tapped ??= taps.length ? compile(net, { values: taps.map(({ id }) => id) }) : undefined;
      const values = await (await tapped)?.run(x);
      const attention = taps.map(({ stage, id, shape }) => attentionOf(stage, shape, values?.get(id)));
      return { probabilities, attention, ms: await timed(() => plain.run(x)) };
    },
    release: async () => {
      await plain.release();
      await (await tapped)?.release();
    },
  };
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 9; i++) {
    const start = performance.now();
    await run();
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[4] ?? 0;
}

/** Attention maps as Zagoruyko and Komodakis define them (arXiv:1612.03928), scaled to at most 1. */
export function attentionOf(
  stage: string,
  shape: readonly number[],
  values: Float32Array | undefined,
): Attention {
  const [height = 1, width = 1, channels = 1] = shape;
  const map = new Float32Array(height * width);
  for (let i = 0; values && i < values.length; i++) {
    const at = Math.floor(i / channels);
    map[at] = (map[at] ?? 0) + (values[i] ?? 0) ** 2 / channels;
  }
  const most = map.reduce((a, b) => Math.max(a, b), 0) || 1;
  return { stage, height, width, values: map.map((v) => v / most) };
}

/** Of each row of `classes` values. */
export function softmax(values: Float32Array, classes: number): Float32Array {
  const result = new Float32Array(values.length);
  for (let from = 0; from < values.length; from += classes) {
    const row = values.subarray(from, from + classes);
    const most = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const sum = row.reduce((n, v) => n + Math.exp(v - most), 0);
    row.forEach((v, i) => {
      result[from + i] = Math.exp(v - most) / sum;
    });
  }
  return result;
}
