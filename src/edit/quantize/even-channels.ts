/**
 * @file Scales the channels of a tensor to similar ranges. Values are rounded with one step for all channels of a
 * tensor, and channels of a small range then have few codes. Where all ops between two layers commute with a positive
 * factor, the layer that produces channel i is multiplied by s_i and the layers that read it are divided by s_i. The
 * factors are chosen so that each channel has the range of its tensor. Meller et al. 2019, arXiv:1902.01917, section
 * 3; here also over sums, concats and shuffles, whose channels share a factor.
 *
 * The function is preserved. Channels of a relu6 keep their factor of 1, since relu6(s x) / s clips x at 6 / s: on examples other
 * than those that calibrated, values are often larger, and trained nets then computed something else.
 */

import { match } from 'ts-pattern';
import { get, item } from '../../access.ts';
import {
  type Conv,
  channelsOf,
  firstInput,
  fold,
  type Graph,
  type Node,
  type OpOf,
  type Shape,
  shapes,
  shuffled,
  sizeOf,
} from '../../graph/index.ts';
import { float, materialize, type Net, net, type Weight, type WeightKey } from '../../weights/index.ts';
import { foldNorms } from '../fold/norms.ts';

/** The largest factor: a channel that was nearly always zero may be larger on other examples. */
const mostFactor = 32;

/**
 * Scales the channels of each tensor towards a common range; norms are folded first. `largest` holds, by node id, the
 * largest magnitude of each channel, [channels], of each value that will be rounded; `calibrate` of moonlet/compress finds
 * them. A channel whose range is a share r of its tensor's is scaled by r^-power: with power 1 it takes the whole range,
 * with less it leaves room for values larger than those that were seen.
 */
export function evenChannels(whole: Net, largest: ReadonlyMap<string, Float32Array>, power = 0.7): Net {
  const folded = foldNorms(whole);
  const { graph } = folded;
  const { of, fixed } = classesOf(graph);
  // the largest share of a tensor's range that each class takes
  const shares = new Map<number, number>();
  for (const [id, sizes] of largest) {
    const whole = sizes.reduce((a, b) => Math.max(a, b), 0) || 1;
    of.get(id)?.forEach((c, i) => {
      shares.set(c, Math.max(shares.get(c) ?? 0, sizes[i]! / whole));
    });
  }
  const factor = (c: number): number => {
    const share = shares.get(c);
    return share === undefined || fixed.has(c) ? 1 : Math.min(mostFactor, Math.max(share, 1e-9) ** -power);
  };
  const weights = new Map<WeightKey, Weight>(folded.weights);
  for (const node of graph.nodes) {
    const { id, op, weightsOf } = node;
    if ((op.kind !== 'conv' && op.kind !== 'dense') || weightsOf) continue;
    const made = Float64Array.from(get(of, id), factor);
    const read = Float64Array.from(get(of, firstInput(node)), factor);
    scale(weights, id, op, made, read);
  }
  return net(graph, weights);
}

function scale(
  weights: Map<WeightKey, Weight>,
  id: string,
  op: Conv | OpOf<'dense'>,
  made: Float64Array,
  read: Float64Array,
): void {
  const kernel = get(weights, `${id}:kernel`);
  const outputs = made.length;
  const groups = op.kind === 'conv' ? op.groups : 1;
  const inputs = read.length / groups;
  const data = materialize(kernel).map((v, p) => {
    const o = p % outputs;
    const i = (Math.floor(p / outputs) % inputs) + Math.floor((o * groups) / outputs) * inputs;
    return (v * made[o]!) / read[i]!;
  });
  weights.set(`${id}:kernel`, float(kernel.shape, data));
  const bias = weights.get(`${id}:bias`);
  if (bias)
    weights.set(
      `${id}:bias`,
      float(
        bias.shape,
        materialize(bias).map((v, o) => v * made[o]!),
      ),
    );
}

/** Channels that must have the same factor are in one class; the factor of `fixed` classes is 1. */
function classesOf(graph: Graph): {
  readonly of: ReadonlyMap<string, Int32Array>;
  readonly fixed: ReadonlySet<number>;
} {
  const parents: number[] = [];
  const fixed: Int32Array[] = [];
  const fresh = (n: number): Int32Array =>
    Int32Array.from({ length: n }, () => parents.push(parents.length) - 1);
  const find = (i: number): number => {
    let root = i;
    while (parents[root] !== root) root = item(parents, root);
    parents[i] = root;
    return root;
  };
  const unite = (a: Int32Array, b: Int32Array): void => {
    for (const [i, c] of a.entries()) parents[find(c)] = find(b[i]!);
  };
  const freeze = (...all: readonly Int32Array[]): void => {
    fixed.push(...all);
  };
  const shapeById = shapes(graph);
  const lent = new Set(graph.nodes.flatMap((n) => n.weightsOf ?? []));
  const of = fold<Int32Array>(graph, (node, ins) => {
    const made = classesMade(node, ins, get(shapeById, node.id), { fresh, unite, freeze });
    if (node.weightsOf !== undefined || lent.has(node.id)) freeze(made, ...ins);
    return made;
  });
  for (const id of graph.outputs) freeze(get(of, id));
  return {
    of: new Map([...of].map(([id, classes]) => [id, classes.map(find)])),
    fixed: new Set(fixed.flatMap((classes) => [...classes.map(find)])),
  };
}

interface Classes {
  fresh(count: number): Int32Array;
  unite(a: Int32Array, b: Int32Array): void;
  /** Gives these the factor 1. */
  freeze(...classes: readonly Int32Array[]): void;
}

function classesMade(
  { op }: Node,
  ins: readonly Int32Array[],
  shape: Shape,
  { fresh, unite, freeze }: Classes,
): Int32Array {
  const [x = new Int32Array()] = ins;
  const c = x.length;
  const frozen = (): Int32Array => {
    const made = fresh(channelsOf(shape));
    freeze(made, ...ins);
    return made;
  };
  return match(op)
    .returnType<Int32Array>()
    .with({ kind: 'conv' }, { kind: 'dense' }, ({ out }) => fresh(out))
    .with({ kind: 'act' }, ({ fn }) => (['relu', 'negate'].includes(fn) ? x : frozen()))
    .with({ kind: 'pool' }, { kind: 'globalPool' }, { kind: 'dropout' }, { kind: 'dropPath' }, () => x)
    .with(
      { kind: 'pad' },
      { kind: 'upsample' },
      { kind: 'resize' },
      { kind: 'shift' },
      { kind: 'scale' },
      () => x,
    )
    .with({ kind: 'add' }, () => {
      for (const other of ins.slice(1)) unite(x, other);
      return x;
    })
    .with({ kind: 'mul' }, () => {
      freeze(...ins.slice(1));
      return x;
    })
    .with({ kind: 'concat' }, () => Int32Array.from(ins.flatMap((part) => [...part])))
    .with({ kind: 'slice' }, ({ from, to }) => x.slice(from, to))
    .with({ kind: 'shuffle' }, ({ groups }) => x.map((_, j) => x[shuffled(j, c, groups)]!))
    .with({ kind: 'permute' }, ({ order }) => Int32Array.from(order, (from) => x[from]!))
    .with({ kind: 'flatten' }, () => Int32Array.from({ length: sizeOf(shape) }, (_, i) => x[i % c]!))
    .with({ kind: 'maxout' }, { kind: 'pixelShuffle' }, (op) => {
      const pieces = op.kind === 'maxout' ? op.pieces : op.factor ** 2;
      const firsts = x.filter((_, i) => i % pieces === 0);
      unite(
        x,
        x.map((_, i) => firsts[Math.floor(i / pieces)]!),
      );
      return firsts;
    })
    .with({ kind: 'input' }, { kind: 'norm' }, { kind: 'quantize' }, frozen)
    .with({ kind: 'convTranspose' }, { kind: 'layerNorm' }, { kind: 'responseNorm' }, frozen)
    .with({ kind: 'groupNorm' }, { kind: 'attention' }, { kind: 'positions' }, frozen)
    .exhaustive();
}
