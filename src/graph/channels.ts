/**
 * @file Finds which channels must be changed together. Every channel of every value has a class: channels of one class
 * are copied (or dropped) together, because some op makes them meet. What an op forbids is kept as a reason.
 *
 * The analysis runs the graph on class numbers instead of values. A conv or dense layer makes fresh classes; depthwise
 * convs, norms and activations pass them on; concat, slice, shuffle and permute move them; add and mul unite them. One
 * Int32Array a value, no object a channel.
 */
import { match } from 'ts-pattern';
import { get } from '../access.ts';
import { type DisjointSets, disjointSets } from './disjoint.ts';
import { fold } from './graph.ts';
import { firstInputShape } from './inputs.ts';
import {
  type Attention,
  type Conv,
  channelsOf,
  type Graph,
  isDepthwise,
  type Node,
  type Shape,
  shiftTap,
  sizeOf,
} from './op.ts';
import { shapes } from './shape.ts';
import { type Variable, variablesOf } from './variables.ts';

/**
 * Channels whose numbers an op ties: equal ones in the groups of a grouped conv, set ones at the offsets of a shift. A norm
 * over channels (`norm`: each is a group) ties how often each is copied, since copies keep the mean over channels only
 * when all of them are copied equally often. A group norm also needs groups
 * of equal numbers. So does attention for its sums of products (`products`), from which channels may go, and for its softmax over channels (`softmax`).
 */
export interface Balance {
  readonly node: string;
  readonly kind: 'groups' | 'shift' | 'norm' | 'products' | 'softmax';
  /** The class of each channel that the node reads or makes. */
  readonly classes: Int32Array;
  /** The group of each channel. */
  readonly groups: Int32Array;
  readonly count: number;
}
export interface Channels {
  /** The class of each channel of each node's value; a flattened map names each once a place. */
  readonly of: ReadonlyMap<string, Int32Array>;
  readonly variables: readonly Variable[];
  readonly balances: readonly Balance[];
  /** Grouped convs that grow by whole groups, and attentions that grow by whole heads. */
  readonly whole: ReadonlySet<string>;
  /** Why a class cannot change: it is an input, an output, or an op forbids it. */
  readonly frozen: ReadonlyMap<number, string>;
}
export interface ChannelOptions {
  /** Grouped convs and attentions that grow by whole groups or heads instead of within them. */
  readonly byGroups?: (node: string) => boolean;
}

/** The analysis under way. */
interface Analysis {
  readonly sets: DisjointSets;
  readonly frozen: [classes: Int32Array, reason: string][];
  readonly balances: Balance[];
  readonly whole: Set<string>;
  readonly byGroups: (node: string) => boolean;
}

/**
 * Run the analysis. It is total: ops that allow nothing freeze the classes that they read.
 *
 * @example
 * import { graphs } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * const { variables } = graphs.channels(wrn());
 * variables.flatMap((v) => (v.frozen ? [] : v.name)).slice(0, 3); // ['stage1/width', 'stage1/0/first', 'stage1/1/first']
 */
export function channels(graph: Graph, { byGroups = () => false }: ChannelOptions = {}): Channels {
  const shapeById = shapes(graph);
  const sets = disjointSets();
  const analysis: Analysis = { sets, frozen: [], balances: [], whole: new Set(), byGroups };
  const readBy = new Map<string, Int32Array>();
  const madeBy = new Map<string, Int32Array>();
  const of = fold<Int32Array>(graph, (node, ins) => {
    const inShape = node.inputs.length ? firstInputShape(node, shapeById) : undefined;
    const out = classesOf(node, ins, inShape, analysis);
    const x = ins[0] ?? new Int32Array();
    if (node.weightsOf !== undefined) {
      uniteAll(out, get(madeBy, node.weightsOf), sets);
      uniteAll(x, get(readBy, node.weightsOf), sets);
    }
    readBy.set(node.id, x);
    madeBy.set(node.id, out);
    return out;
  });
  for (const id of graph.outputs) analysis.frozen.push([get(of, id), `it is the output "${id}"`]);
  return settled(graph, of, analysis);
}

/** The result, with each class under the number of its set. */
function settled(graph: Graph, of: ReadonlyMap<string, Int32Array>, analysis: Analysis): Channels {
  const { find } = analysis.sets;
  // values that pass channels on share an array, before and after
  const renamed = new Map<Int32Array, Int32Array>();
  const settle = (classes: Int32Array): Int32Array => {
    const known = renamed.get(classes);
    if (known) return known;
    const result = classes.map(find);
    renamed.set(classes, result);
    return result;
  };
  const classesById = new Map([...of].map(([id, classes]) => [id, settle(classes)]));
  const reasons = new Map<number, string>();
  for (const [classes, reason] of analysis.frozen)
    for (const id of classes) if (!reasons.has(find(id))) reasons.set(find(id), reason);
  return {
    of: classesById,
    frozen: reasons,
    whole: analysis.whole,
    balances: analysis.balances.map((b) => ({ ...b, classes: b.classes.map(find) })),
    variables: variablesOf(graph, classesById, reasons),
  };
}

/** The classes of a node's channels, from those of its inputs. */
function classesOf(
  node: Node,
  ins: readonly Int32Array[],
  inShape: Shape | undefined,
  analysis: Analysis,
): Int32Array {
  const { sets, frozen, balances } = analysis;
  const x = ins[0] ?? new Int32Array();
  const c = x.length;
  return match(node.op)
    .returnType<Int32Array>()
    .with({ kind: 'input' }, ({ shape }) => {
      const classes = sets.fresh(channelsOf(shape));
      frozen.push([classes, `it is the input "${node.id}"`]);
      return classes;
    })
    .with({ kind: 'conv' }, { kind: 'convTranspose' }, (op) => convClasses(node, op, x, analysis))
    .with({ kind: 'layerNorm' }, { kind: 'responseNorm' }, () => {
      balances.push({ node: node.id, kind: 'norm', classes: x, groups: x.map((_, i) => i), count: c });
      return x;
    })
    .with({ kind: 'groupNorm' }, ({ groups: count }) => {
      balances.push({ node: node.id, kind: 'norm', classes: x, groups: x.map((_, i) => i), count: c });
      const groups = x.map((_, i) => Math.floor((i * count) / c));
      if (count > 1) balances.push({ node: node.id, kind: 'groups', classes: x, groups, count });
      return x;
    })
    .with({ kind: 'dense' }, ({ out }) => sets.fresh(out))
    .with({ kind: 'attention' }, (op) => attentionClasses(node, op, ins, analysis))
    .with(
      { kind: 'norm' },
      { kind: 'pool' },
      { kind: 'pad' },
      { kind: 'globalPool' },
      { kind: 'dropout' },
      { kind: 'dropPath' },
      { kind: 'upsample' },
      { kind: 'resize' },
      { kind: 'scale' },
      { kind: 'positions' },
      { kind: 'quantize' },
      () => x,
    )
    .with({ kind: 'act' }, ({ fn }) => {
      if (fn === 'softmax')
        frozen.push([x, `the softmax "${node.id}" weighs its channels against each other`]);
      return x;
    })
    .with({ kind: 'add' }, { kind: 'mul' }, () => {
      for (const other of ins.slice(1)) uniteAll(x, other, sets);
      return x;
    })
    .with({ kind: 'concat' }, () => joined(ins))
    .with({ kind: 'slice' }, ({ from, to }) => x.slice(from, to))
    .with({ kind: 'shuffle' }, ({ groups }) => x.map((_, j) => x[shuffled(j, c, groups)]!))
    .with({ kind: 'permute' }, ({ order }) => Int32Array.from(order, (from) => x[from]!))
    .with({ kind: 'flatten' }, () =>
      Int32Array.from({ length: inShape ? sizeOf(inShape) : 0 }, (_, i) => x[i % c]!),
    )
    .with({ kind: 'maxout' }, { kind: 'pixelShuffle' }, (op) => {
      const pieces = op.kind === 'maxout' ? op.pieces : op.factor ** 2;
      for (const [i, id] of x.entries()) sets.unite(id, x[i - (i % pieces)]!);
      return Int32Array.from({ length: c / pieces }, (_, unit) => x[unit * pieces]!);
    })
    .with({ kind: 'shift' }, ({ kernel }) => {
      const groups = x.map((_, i) => shiftTap(i, c, kernel));
      if (c >= kernel ** 2)
        balances.push({ node: node.id, kind: 'shift', classes: x, groups, count: kernel ** 2 });
      return x;
    })
    .exhaustive();
}

function convClasses(
  node: Node,
  op: Pick<Conv, 'groups' | 'out'>,
  x: Int32Array,
  { sets, balances, whole, byGroups }: Analysis,
): Int32Array {
  const c = x.length;
  if (isDepthwise(op, c))
    return Int32Array.from({ length: op.out }, (_, j) => x[Math.floor((j * c) / op.out)]!);
  const out = sets.fresh(op.out);
  if (op.groups === 1) return out;
  const groupOf = (n: number): Int32Array =>
    Int32Array.from({ length: n }, (_, i) => Math.floor((i * op.groups) / n));
  if (byGroups(node.weightsOf ?? node.id)) {
    whole.add(node.id);
    tieGroups([x, out], groupOf, sets);
  } else {
    for (const classes of [x, out]) {
      const groups = groupOf(classes.length);
      balances.push({ node: node.id, kind: 'groups', classes, groups, count: op.groups });
    }
  }
  return out;
}

/**
 * q and k meet channel by channel; a result has the channels of v. Channels are copied within heads, those of q and k equally often,
 * or with all that a head reads and makes. Of `separable`, k and v meet, and the scores stay. Of `covariance`, k and v meet, each channel
 * equally often, and a result has the channels of q.
 */
function attentionClasses(
  node: Node,
  { heads, form }: Attention,
  [q = none, k = none, v = none]: readonly Int32Array[],
  analysis: Analysis,
): Int32Array {
  const { sets, frozen, balances, whole, byGroups } = analysis;
  if (form === 'separable') {
    frozen.push([q, `the attention "${node.id}" weighs places by these scores`]);
    uniteAll(k, v, sets);
    const groups = k.map((_, i) => Math.floor((i * heads) / k.length));
    if (heads > 1) balances.push({ node: node.id, kind: 'groups', classes: k, groups, count: heads });
    return v;
  }
  if (form === 'covariance') return covarianceClasses(node, heads, [q, k, v], analysis);
  const isShared = k.length !== q.length;
  for (const [i, id] of q.entries()) sets.unite(id, k[i % k.length]!);
  const made = isShared ? joined(Array.from({ length: heads }, () => v)) : v;
  const headOf = (n: number): Int32Array =>
    Int32Array.from({ length: n }, (_, i) => Math.floor((i * heads) / n));
  if (byGroups(node.weightsOf ?? node.id) && !isShared) {
    whole.add(node.id);
    tieGroups([q, k, v], headOf, sets);
    return made;
  }
  balances.push({ node: node.id, kind: 'products', classes: q, groups: q.map((_, i) => i), count: q.length });
  for (const classes of isShared ? [] : [q, v])
    balances.push({ node: node.id, kind: 'groups', classes, groups: headOf(classes.length), count: heads });
  return made;
}
const none = new Int32Array();

function covarianceClasses(
  node: Node,
  heads: number,
  [q, k, v]: readonly [Int32Array, Int32Array, Int32Array],
  { sets, balances, whole, byGroups }: Analysis,
): Int32Array {
  uniteAll(k, v, sets);
  const headOf = (n: number): Int32Array =>
    Int32Array.from({ length: n }, (_, i) => Math.floor((i * heads) / n));
  if (byGroups(node.weightsOf ?? node.id)) {
    whole.add(node.id);
    tieGroups([q, k, v], headOf, sets);
    return q;
  }
  balances.push({ node: node.id, kind: 'softmax', classes: k, groups: k.map((_, i) => i), count: k.length });
  for (const classes of [q, k])
    balances.push({ node: node.id, kind: 'groups', classes, groups: headOf(classes.length), count: heads });
  return q;
}

function uniteAll(a: Int32Array, b: Int32Array, { unite }: DisjointSets): void {
  for (const [i, id] of a.entries()) unite(id, b[i]!);
}

/** The channel of the input that a shuffle's channel j reads: output i * groups + g is input g * n + i. */
export const shuffled = (j: number, channelCount: number, groups: number): number =>
  (j % groups) * (channelCount / groups) + Math.floor(j / groups);

const joined = (parts: readonly Int32Array[]): Int32Array => Int32Array.from(parts.flatMap((p) => [...p]));

/** All channels of a group, read and made, are one class: they are copied as a whole. */
function tieGroups(
  values: readonly Int32Array[],
  groupOf: (n: number) => Int32Array,
  { unite }: DisjointSets,
): void {
  const firsts = new Map<number, number>();
  for (const classes of values) {
    for (const [i, group] of groupOf(classes.length).entries()) {
      const id = classes[i]!;
      const leader = firsts.get(group);
      if (leader === undefined) firsts.set(group, id);
      else unite(id, leader);
    }
  }
}
