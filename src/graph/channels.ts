/**
 * @file Which channels are the same decision. Every channel of every value has a class: channels of one class are
 * copied (or dropped) together, because some op makes them meet. What an op forbids is kept as a reason.
 *
 * The analysis runs the graph on class numbers instead of values. A conv or dense layer makes fresh classes; depthwise
 * convs, norms and activations pass them on; concat, slice, shuffle and permute move them; add and mul unite them. One
 * Int32Array a value, no object a channel.
 */
import { match } from 'ts-pattern';
import { fold } from './graph.ts';
import { channelsOf, type Graph, isDepthwise, type Node, type Shape, shiftTap, sizeOf } from './op.ts';
import { shapes } from './shape.ts';
import { stagePaths, stages } from './stages.ts';

/** Channels whose numbers an op ties: equal ones in the groups of a grouped conv, set ones at the offsets of a shift. */
export interface Balance {
  readonly node: string;
  readonly kind: 'groups' | 'shift';
  /** The class of each channel that the node reads or makes. */
  readonly classes: Int32Array;
  /** The group of each channel. */
  readonly groups: Int32Array;
  readonly count: number;
}
/** What can be widened: layers whose outputs are one decision. */
export interface Variable {
  readonly name: string;
  /** Other words that mean it. */
  readonly aliases: readonly string[];
  /** Convs and dense layers that make its channels. */
  readonly producers: readonly string[];
  /** Its classes, in the order of its first producer. */
  readonly classes: Int32Array;
  /** Channels of its first producer and of what others add to them; more than classes where channels go together. */
  readonly width: number;
  /** Why it cannot change, when it cannot. */
  readonly frozen: string | undefined;
}
export interface Channels {
  /** The class of each channel of each node's value; a flattened map names each once a place. */
  readonly of: ReadonlyMap<string, Int32Array>;
  readonly variables: readonly Variable[];
  readonly balances: readonly Balance[];
  /** Grouped convs that grow by whole groups. */
  readonly whole: ReadonlySet<string>;
  /** Why a class cannot change: it is an input, an output, or an op forbids it. */
  readonly frozen: ReadonlyMap<number, string>;
}
export interface ChannelOptions {
  /** Grouped convs that grow by whole groups instead of within their groups. */
  readonly byGroups?: (node: string) => boolean;
}

/** Disjoint sets of numbers. */
function sets() {
  const parent: number[] = [];
  const find = (i: number): number => {
    let root = i;
    while (parent[root] !== root) root = parent[root] as number;
    while (parent[i] !== root) {
      const next = parent[i] as number;
      parent[i] = root;
      i = next;
    }
    return root;
  };
  return {
    find,
    fresh: (n: number): Int32Array => {
      const made = new Int32Array(n);
      for (let i = 0; i < n; i++) made[i] = parent.push(parent.length) - 1;
      return made;
    },
    unite: (a: number, b: number): void => {
      const [x, y] = [find(a), find(b)];
      if (x !== y) parent[Math.max(x, y)] = Math.min(x, y); // the earliest channel names the class
    },
  };
}

/** Run the analysis. Total: ops that allow nothing freeze the classes that they read. */
export function channels(graph: Graph, { byGroups = () => false }: ChannelOptions = {}): Channels {
  const shapeById = shapes(graph);
  const { fresh, find, unite } = sets();
  const frozen: [classes: Int32Array, reason: string][] = [];
  const balances: Balance[] = [];
  const whole = new Set<string>();
  const uniteAll = (a: Int32Array, b: Int32Array): void => {
    a.forEach((id, i) => {
      unite(id, b[i] as number);
    });
  };
  const readBy = new Map<string, Int32Array>();
  const madeBy = new Map<string, Int32Array>();
  const of = fold<Int32Array>(graph, (node, ins) => {
    const x = ins[0] as Int32Array;
    const shape = shapeById.get(node.inputs[0] ?? '') as Shape;
    const c = x?.length ?? 0;
    const out = match(node.op)
      .returnType<Int32Array>()
      .with({ kind: 'input' }, (op) => {
        const made = fresh(channelsOf(op.shape));
        frozen.push([made, `it is the input "${node.id}"`]);
        return made;
      })
      .with({ kind: 'conv' }, (op) => {
        if (isDepthwise(op, c))
          return Int32Array.from({ length: op.out }, (_, j) => x[Math.floor((j * c) / op.out)] as number);
        const made = fresh(op.out);
        if (op.groups > 1) {
          const groupOf = (n: number): Int32Array =>
            Int32Array.from({ length: n }, (_, i) => Math.floor((i * op.groups) / n));
          if (byGroups(node.weightsOf ?? node.id)) {
            whole.add(node.id);
            tieGroups(x, made, groupOf, unite);
          } else
            for (const classes of [x, made])
              balances.push({
                node: node.id,
                kind: 'groups',
                classes,
                groups: groupOf(classes.length),
                count: op.groups,
              });
        }
        return made;
      })
      .with({ kind: 'dense' }, (op) => fresh(op.out))
      .with(
        { kind: 'norm' },
        { kind: 'pool' },
        { kind: 'globalPool' },
        { kind: 'dropout' },
        { kind: 'dropPath' },
        { kind: 'upsample' },
        { kind: 'quantize' },
        () => x,
      )
      .with({ kind: 'act' }, ({ fn }) => {
        if (fn === 'softmax')
          frozen.push([x, `the softmax "${node.id}" weighs its channels against each other`]);
        return x;
      })
      .with({ kind: 'add' }, { kind: 'mul' }, () => {
        for (const other of ins.slice(1)) uniteAll(x, other);
        return x;
      })
      .with({ kind: 'concat' }, () => joined(ins))
      .with({ kind: 'slice' }, ({ from, to }) => x.slice(from, to))
      .with({ kind: 'shuffle' }, ({ groups }) =>
        Int32Array.from(x, (_, j) => x[shuffled(j, c, groups)] as number),
      )
      .with({ kind: 'permute' }, ({ order }) => Int32Array.from(order, (from) => x[from] as number))
      .with({ kind: 'flatten' }, () =>
        Int32Array.from({ length: sizeOf(shape) }, (_, i) => x[i % c] as number),
      )
      .with({ kind: 'maxout' }, ({ pieces }) => {
        for (let i = 0; i < c; i++) unite(x[i] as number, x[i - (i % pieces)] as number);
        return Int32Array.from({ length: c / pieces }, (_, u) => x[u * pieces] as number);
      })
      .with({ kind: 'shift' }, ({ kernel }) => {
        const taps = Int32Array.from(x, (_, i) => shiftTap(i, c, kernel));
        if (c >= kernel ** 2)
          balances.push({ node: node.id, kind: 'shift', classes: x, groups: taps, count: kernel ** 2 });
        return x;
      })
      .exhaustive();
    if (node.weightsOf !== undefined) {
      uniteAll(out, madeBy.get(node.weightsOf) as Int32Array);
      uniteAll(x, readBy.get(node.weightsOf) as Int32Array);
    }
    readBy.set(node.id, x);
    madeBy.set(node.id, out);
    return out;
  });
  for (const id of graph.outputs) frozen.push([of.get(id) as Int32Array, `it is the output "${id}"`]);

  // values that pass channels on share an array, before and after
  const once = new Map<Int32Array, Int32Array>();
  for (const classes of of.values()) if (!once.has(classes)) once.set(classes, classes.map(find));
  const settled = new Map([...of].map(([id, classes]) => [id, once.get(classes) as Int32Array]));
  const reasons = new Map<number, string>();
  for (const [classes, reason] of frozen)
    for (const id of classes) if (!reasons.has(find(id))) reasons.set(find(id), reason);
  return {
    of: settled,
    frozen: reasons,
    whole,
    balances: balances.map((b) => ({ ...b, classes: b.classes.map(find) })),
    variables: variablesOf(graph, settled, reasons),
  };
}

/** The channel of the input that a shuffle's channel j reads: output i * groups + g is input g * n + i. */
export const shuffled = (j: number, channelCount: number, groups: number): number =>
  (j % groups) * (channelCount / groups) + Math.floor(j / groups);

const joined = (parts: readonly Int32Array[]): Int32Array => Int32Array.from(parts.flatMap((p) => [...p]));

/** All channels of a group, read and made, are one class: they are copied as a whole. */
function tieGroups(
  x: Int32Array,
  made: Int32Array,
  groupOf: (n: number) => Int32Array,
  unite: (a: number, b: number) => void,
): void {
  const firsts: number[] = [];
  for (const classes of [x, made]) {
    groupOf(classes.length).forEach((group, i) => {
      firsts[group] ??= classes[i] as number;
      unite(classes[i] as number, firsts[group] as number);
    });
  }
}

const makesChannels = (node: Node, c: number): boolean =>
  node.op.kind === 'dense' || (node.op.kind === 'conv' && !isDepthwise(node.op, c));

/** Producers that share a class are one variable. */
function variablesOf(
  graph: Graph,
  of: ReadonlyMap<string, Int32Array>,
  frozen: ReadonlyMap<number, string>,
): readonly Variable[] {
  const producers = graph.nodes.filter(
    (n) => !n.weightsOf && makesChannels(n, of.get(n.inputs[0] ?? '')?.length ?? 0),
  );
  const { fresh, find, unite } = sets();
  fresh(producers.length);
  const maker = new Map<number, number>();
  producers.forEach((node, i) => {
    for (const id of of.get(node.id) as Int32Array) {
      const other = maker.get(id);
      if (other === undefined) maker.set(id, i);
      else unite(other, i);
    }
  });
  const members = new Map<number, string[]>();
  for (const [i, node] of producers.entries())
    members.set(find(i), [...(members.get(find(i)) ?? []), node.id]);
  const ends = stageEnds(graph, of);
  const inStages = stagePaths(graph);
  const taken = new Set<string>();
  return [...members.values()].map((ids): Variable => {
    const classes = Int32Array.from(new Set(ids.flatMap((id) => [...(of.get(id) as Int32Array)])));
    const first = classes[0] as number;
    // of a stage that is put together from several layers none is the width
    const widths = [...ends].flatMap(([stage, there]) =>
      there.has(first) && there.size === classes.length ? [`${stage}/width`] : [],
    );
    const short = ids.map(blockPath);
    // an inferred stage is another word for a layer, not its name
    const others = inStages.size ? [...widths, ...ids.flatMap((id) => inStages.get(id) ?? [])] : [];
    const candidates = [...(inStages.size ? [] : widths.slice(0, 1)), ...short, ...ids];
    const name = candidates.find((n) => !taken.has(n)) ?? `${ids[0]}/width`;
    taken.add(name);
    const free = classes.some((id) => !frozen.has(id));
    const reason = free ? undefined : frozen.get(first);
    return {
      name,
      aliases: [...new Set([...short, ...ids, ...others])].filter((a) => a !== name),
      producers: ids,
      classes,
      width: widthOf(ids.map((id) => of.get(id) as Int32Array)),
      frozen: reason,
    };
  });
}

/** How many channels the first of some values has, and the others add: those whose class it has not. */
function widthOf(values: readonly Int32Array[]): number {
  const seen = new Set<number>();
  return values.reduce((sum, value) => {
    const added = value.filter((id) => !seen.has(id));
    for (const id of added) seen.add(id);
    return sum + added.length;
  }, 0);
}

/** A layer's path without the name of its op: 'stage1/0/expand' for 'stage1/0/expand/conv'. */
const blockPath = (id: string): string =>
  /\/(conv|dense)(_\d+)?$/.test(id) ? id.slice(0, id.lastIndexOf('/')) : id;

/** stage1, stage2, ...: the classes of the value that leaves each. */
const stageEnds = (
  graph: Graph,
  of: ReadonlyMap<string, Int32Array>,
): ReadonlyMap<string, ReadonlySet<number>> =>
  new Map(stages(graph).map(({ name, end }) => [name, new Set(of.get(end))]));
