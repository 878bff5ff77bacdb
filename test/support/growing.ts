/** @file Law 3 for growth: nets before and after, run eagerly on equal inputs; random growth; training afterwards. */

import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import {
  addUnits,
  connect,
  copyChannels,
  deepen,
  enlarge,
  type Growth,
  verifyCertificate,
  type WidenOptions,
  type Widths,
  widen,
} from '../../src/edit/index.ts';
import { compile, type Prepared, prepare } from '../../src/engine/index.ts';
import { Refusal } from '../../src/errors.ts';
import { channels, type Graph, inputShape } from '../../src/graph/index.ts';
import { type Flow, graph, input } from '../../src/index.ts';
import type { Arrays } from '../../src/jit/index.ts';
import { crossEntropy } from '../../src/learn/loss/index.ts';
import { firstState, type Optimizer, sgd, step, weightsIn } from '../../src/learn/train/index.ts';
import { type Random, random } from '../../src/random.ts';
import { forward, weightTensors } from '../../src/read/tfjs/index.ts';
import type { Net, WeightKey } from '../../src/weights/index.ts';
import { largestDifference, noise, oneUlpOff, sizeOf } from './nets.ts';

/** A feature map on its way. */
export type Map = Flow<'map'>;
/** A classifier of three classes around what is built. */
export const made = (build: (x: Map) => Flow<'map'> | Flow<'vec'>, c = 3, size = 6): Graph => {
  const end = build(input(size, size, c));
  return graph(
    'made',
    end.shape.length === 3 ? (end as Map).globalPool().dense(3) : (end as Flow<'vec'>).dense(3),
  );
};
/** Conv, norm and relu under a path. */
export const layer = (x: Map, name: string, out: number, o: Parameters<Map['conv']>[1] = {}): Map =>
  x.pipe(name, (y) =>
    y
      .conv(out, { kernel: 3, ...o })
      .norm()
      .relu(),
  );

/** Grouped, depthwise and shuffled channels, which meet in a sum. */
export const tied: Graph = graph(
  'mixed',
  input(8, 8, 1)
    .pipe('stem', (x) => x.conv(8, { kernel: 3, stride: 2 }).norm().relu())
    .pipe('stage1', (x) =>
      x
        .residual((y) =>
          y.conv(8, { kernel: 3, groups: 2 }).norm().relu().depthwise().shuffle(2).conv(8).norm(),
        )
        .relu(),
    )
    .pipe('head', (x) => x.globalPool().dense(10)),
);

/** The graph with nothing dropped. */
export const still = (graph: Graph): Graph => ({
  ...graph,
  nodes: graph.nodes.map((n) =>
    n.op.kind === 'dropout' || n.op.kind === 'dropPath' ? { ...n, op: { ...n.op, rate: 0 } } : n,
  ),
});

/** All outputs on made-up inputs, eagerly. Dropout is off in training. */
export function outputs(net: Net, training: boolean): Float32Array {
  return tf.tidy(() => {
    const graph = still(net.graph);
    const x = tf.tensor(noise(4 * sizeOf(inputShape(graph)), 'growth'), [4, ...inputShape(graph)]);
    const { values } = forward(graph, weightTensors(net.weights), x, { training });
    const flat = [...new Set(graph.outputs)].map((id) => tf.reshape(values.get(id) as tf.Tensor, [-1]));
    return tf.concat(flat).dataSync() as Float32Array;
  });
}
export function expectSame(before: Net, after: Net, training = false): void {
  const bound = training ? 1e-3 : 1e-5;
  expect(
    largestDifference(outputs(after, training), outputs(before, training)),
    training ? 'training' : 'inference',
  ).to.be.below(bound);
}
/** The same function in the modes that it claims, and certified. */
export function expectPreserved(before: Net, { net, maps, preserves }: Growth): void {
  expect(verifyCertificate(before, net, maps)).to.deep.equal([]);
  expectSame(before, net);
  if (preserves === 'both') expectSame(before, net, true);
}

const images = (net: Net): Float32Array => noise(2 * sizeOf(inputShape(net.graph)), 'compiled growth');
/** All outputs on made-up images, by the compiled net. */
export async function compiledOutputs(net: Net, x = images(net)): Promise<Float32Array> {
  const compiled = await compile(net);
  const values = await compiled.run(x);
  await compiled.release();
  return Float32Array.from([...values.values()].flatMap((v) => [...v]));
}
/**
 * What one ulp of the input does to the outputs, at most in three tries. Deep nets with random weights amplify rounding;
 * growth sums otherwise in every layer, and may do twice that where it is more than law 3 allows.
 */
export async function ulpEffect(net: Net): Promise<number> {
  const before = await compiledOutputs(net);
  let most = 0;
  for (const seed of [1, 2, 3]) {
    const off = await compiledOutputs(net, oneUlpOff(images(net), seed));
    most = Math.max(most, largestDifference(off, before));
  }
  return most;
}

/** Every class that may be copied, a random number of times; those that groups tie all alike. */
export function randomCopies({ graph }: Net, seed: number): ReadonlyMap<number, number> {
  const all = channels(graph);
  const source = random('growth', seed);
  const tied = new Set(all.balances.flatMap((b) => [...b.classes]));
  const whole = source.below(2) + 1;
  const copies = new Map<number, number>();
  for (const v of all.variables) {
    for (const id of v.classes) {
      if (!all.frozen.has(id)) copies.set(id, tied.has(id) ? whole : 1 + source.below(3));
    }
  }
  return copies;
}

const pick = <T>(list: readonly T[], source: Random): T => list[source.below(list.length)] as T;
export const undefinedIfRefused = <T>(edit: () => T): T | undefined => {
  try {
    return edit();
  } catch (e) {
    if (e instanceof Refusal) return undefined;
    throw e;
  }
};

/** Without names of a variable that another name means too: whole groups join variables that are apart otherwise. */
function onceEach(net: Net, widths: Widths, { byGroups }: WidenOptions): Widths {
  if (!byGroups) return widths;
  const { variables } = channels(net.graph, { byGroups });
  const seen = new Set<unknown>();
  return Object.fromEntries(
    Object.entries(widths).filter(([name]) => {
      const meant = variables.find((v) => v.name === name || v.aliases.includes(name)) ?? name;
      return !seen.has(meant) && seen.add(meant);
    }),
  );
}

/** One random step of growth: some variables by random factors and splits, a layer behind any node, a larger kernel. */
export function randomGrowth(net: Net, seed: number): Growth | undefined {
  const source = random('random growth', seed);
  const ways = ['copies', 'widen', 'widen', 'deepen', 'enlarge', 'units', 'connect'] as const;
  const from = source.below(ways.length);
  for (let i = 0; i < ways.length; i++) {
    const grown = grownBy(ways[(from + i) % ways.length] as (typeof ways)[number], net, seed, source);
    if (grown) return grown;
  }
  return undefined;
}

function grownBy(
  way: 'copies' | 'widen' | 'deepen' | 'enlarge' | 'units' | 'connect',
  net: Net,
  seed: number,
  source: Random,
): Growth | undefined {
  const split = pick(['random', 'random', 'equal', 'original'] as const, source);
  switch (way) {
    case 'copies':
      return undefinedIfRefused(() => copyChannels(net, randomCopies(net, seed), { seed, split }));
    case 'widen': {
      const free = channels(net.graph).variables.filter((v) => !v.frozen);
      if (!free.length) return undefined;
      const factor = (): Widths[string] => pick(['x1.25', 'x1.5', 'x2', 'x3'] as const, source);
      const [one, usual] = [pick(free, source), factor()];
      const some = free.filter((v) => v === one || source.below(2));
      const widths = Object.fromEntries(some.map((v) => [v.name, source.below(3) ? usual : factor()]));
      const byGroups = (id: string): boolean => random(seed, id).below(2) === 0;
      const o = source.below(3) ? { seed, split } : { seed, split, byGroups };
      // where groups tie some, one alone or all alike may still grow
      const tries = [widths, { [one.name]: usual }, Object.fromEntries(free.map((v) => [v.name, usual]))];
      for (const t of tries) {
        const grown = undefinedIfRefused(() => widen(net, onceEach(net, t, o), o));
        if (grown) return grown;
      }
      return undefined;
    }
    case 'deepen': {
      const kind = pick(['branch', 'branch', 'dirac'] as const, source);
      const { id } = pick(net.graph.nodes, source);
      return undefinedIfRefused(() => deepen(net, id, 1, { seed, kind, norm: source.below(2) === 0 }));
    }
    case 'units': {
      const free = channels(net.graph).variables.filter((v) => !v.frozen);
      if (!free.length) return undefined;
      return undefinedIfRefused(() => addUnits(net, { [pick(free, source).name]: 'x2' }, { seed }));
    }
    case 'connect': {
      const [a, b] = [pick(net.graph.nodes, source), pick(net.graph.nodes, source)];
      const by = pick(['add', 'concat'] as const, source);
      return undefinedIfRefused(() => connect(net, a.id, b.id, { by, seed }));
    }
    case 'enlarge': {
      const { id } = pick(net.graph.nodes, source);
      return undefinedIfRefused(() => enlarge(net, id, pick([3, 4, 5], source)));
    }
  }
}

/** A net after some steps, and what its optimizer keeps. */
export interface Stepped {
  readonly net: Net;
  readonly state: Arrays;
}
/** From step, to step, at a rate, from a state that went before if there is one. */
export interface Steps {
  readonly from?: number;
  readonly to: number;
  readonly rate: number;
  readonly state?: Arrays;
}
/** Steps of training on made-up images, traced once for as many runs as are asked for. */
export async function stepper(
  net: Net,
  optimizer: Optimizer,
): Promise<{ run(o: Steps): Promise<Stepped>; release(): Promise<void> }> {
  const batch = 8;
  const graph = still(net.graph);
  const plan = step({ graph, losses: [crossEntropy()({ student: graph })], optimizer, batch });
  const ready: Prepared = await prepare(plan.fn, plan.specs);
  const run = async ({ from = 0, to, rate, state: start }: Steps): Promise<Stepped> => {
    let state: Arrays = start ?? firstState(net, plan.specs.state);
    for (let i = from; i < to; i++) {
      const inputs: Record<string, Float32Array | Int32Array> = {
        x: noise(batch * sizeOf(inputShape(graph)), 'training', i),
        labels: Int32Array.from({ length: batch }, (_, k) => (3 * k + i) % 10),
        rate: Float32Array.of(rate),
        'loss/cross-entropy': Float32Array.of(1),
      };
      for (const [name, value] of Object.entries(optimizer.numbers(i + 1)))
        inputs[`optimizer/${name}`] = Float32Array.of(value);
      for (const [id, shape] of plan.noise) inputs[`noise/${id}`] = new Float32Array(sizeOf(shape));
      state = (await ready.run(state, inputs)).state;
    }
    return { net: { graph: net.graph, weights: weightsIn(graph, state) }, state };
  };
  return { run, release: () => ready.release() };
}
/** One such run. */
export async function stepped(net: Net, optimizer: Optimizer, o: Steps): Promise<Stepped> {
  const ready = await stepper(net, optimizer);
  const done = await ready.run(o);
  await ready.release();
  return done;
}

/** A net after some steps, and each weight's velocity, which is not zero once a gradient has reached it. */
export interface Trained {
  readonly net: Net;
  readonly velocity: ReadonlyMap<WeightKey, Float32Array>;
}
/** A few steps of SGD on made-up images. */
export async function trained(net: Net, count: number, rate = 0.05): Promise<Trained> {
  const { net: done, state } = await stepped(net, sgd({ momentum: 0.9 }), { to: count, rate });
  return { net: done, velocity: slotOf(state, 'velocity') };
}
/** What a state keeps under one of the optimizer's names, by weight. */
export const slotOf = (state: Arrays, slot: string): ReadonlyMap<WeightKey, Float32Array> =>
  new Map(
    Object.entries(state).flatMap(([key, v]) =>
      key.startsWith(`${slot}/`) ? [[key.slice(slot.length + 1) as WeightKey, v as Float32Array]] : [],
    ),
  );
