/**
 * @file Channels of even ranges. Values are rounded with one step for all channels of a tensor, so that channels of a small
 * range have few codes. Where only ops follow that commute with a positive factor, the layer that makes channel i is
 * multiplied by s_i and the layers that read it are divided by it, with s_i such that the channel's range becomes that of its
 * tensor. Meller et al. 2019, arXiv:1902.01917, section 3; over sums, concats and shuffles too, whose channels share a factor.
 *
 * Exact in the function, but for relu6: relu6(s x) / s is x's value up to 6 / s, which is no less than the largest value seen.
 */
import { match } from 'ts-pattern';
import {
  type Conv,
  channelsOf,
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

/** No channel is enlarged more than so: a channel that was hardly seen may be larger on other examples. */
const mostFactor = 32;

/**
 * The net with even channels; norms are folded first. `largest` has the largest magnitude of each channel, [channels], of each
 * value that will be rounded, by node id, as `calibrate` finds them. A channel that takes a share r of its tensor's range is
 * enlarged by r^-power: 1 fills the range, less leaves room for values larger than those that were seen.
 */
export function evenChannels(whole: Net, largest: ReadonlyMap<string, Float32Array>, power = 0.7): Net {
  const folded = foldNorms(whole);
  const { graph } = folded;
  const { of, fixed } = classesOf(graph);
  // the share of its tensor's range that each class needs, where it needs most
  const shares = new Map<number, number>();
  for (const [id, sizes] of largest) {
    const whole = sizes.reduce((a, b) => Math.max(a, b), 0) || 1;
    of.get(id)?.forEach((c, i) => {
      shares.set(c, Math.max(shares.get(c) ?? 0, (sizes[i] as number) / whole));
    });
  }
  const factor = (c: number): number => {
    const share = shares.get(c);
    return share === undefined || fixed.has(c) ? 1 : Math.min(mostFactor, Math.max(share, 1e-9) ** -power);
  };
  const weights = new Map<WeightKey, Weight>(folded.weights);
  for (const { id, op, inputs, weightsOf } of graph.nodes) {
    if ((op.kind !== 'conv' && op.kind !== 'dense') || weightsOf) continue;
    const made = Float64Array.from(of.get(id) as Int32Array, factor);
    const read = Float64Array.from(of.get(inputs[0] as string) as Int32Array, factor);
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
  const kernel = weights.get(`${id}:kernel`) as Weight;
  const outputs = made.length;
  const groups = op.kind === 'conv' ? op.groups : 1;
  const inputs = read.length / groups;
  const data = materialize(kernel).map((v, p) => {
    const o = p % outputs;
    const i = (Math.floor(p / outputs) % inputs) + Math.floor((o * groups) / outputs) * inputs;
    return (v * (made[o] as number)) / (read[i] as number);
  });
  weights.set(`${id}:kernel`, float(kernel.shape, data));
  const bias = weights.get(`${id}:bias`);
  if (bias)
    weights.set(
      `${id}:bias`,
      float(
        bias.shape,
        materialize(bias).map((v, o) => v * (made[o] as number)),
      ),
    );
}

/** Channels that must have one factor are of one class; those of `fixed` classes have none but 1. */
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
    while (parents[root] !== root) root = parents[root] as number;
    parents[i] = root;
    return root;
  };
  const unite = (a: Int32Array, b: Int32Array): void => {
    a.forEach((c, i) => {
      parents[find(c)] = find(b[i] as number);
    });
  };
  const stuck = (...all: readonly Int32Array[]): void => {
    fixed.push(...all);
  };
  const shapeById = shapes(graph);
  const lent = new Set(graph.nodes.flatMap((n) => n.weightsOf ?? []));
  const of = fold<Int32Array>(graph, (node, ins) => {
    const made = classesMade(node, ins, shapeById.get(node.id) as Shape, { fresh, unite, stuck });
    if (node.weightsOf !== undefined || lent.has(node.id)) stuck(made, ...ins);
    return made;
  });
  for (const id of graph.outputs) stuck(of.get(id) as Int32Array);
  return {
    of: new Map([...of].map(([id, classes]) => [id, classes.map(find)])),
    fixed: new Set(fixed.flatMap((classes) => [...classes.map(find)])),
  };
}

interface Classes {
  fresh(count: number): Int32Array;
  unite(a: Int32Array, b: Int32Array): void;
  /** These have a factor of 1. */
  stuck(...classes: readonly Int32Array[]): void;
}

function classesMade(
  { op }: Node,
  ins: readonly Int32Array[],
  shape: Shape,
  { fresh, unite, stuck }: Classes,
): Int32Array {
  const x = ins[0] as Int32Array;
  const c = x?.length ?? 0;
  const freeze = (): Int32Array => {
    const made = fresh(channelsOf(shape));
    stuck(made, ...ins);
    return made;
  };
  return match(op)
    .returnType<Int32Array>()
    .with({ kind: 'conv' }, { kind: 'dense' }, ({ out }) => fresh(out))
    .with({ kind: 'act' }, ({ fn }) => (['relu', 'relu6', 'negate'].includes(fn) ? x : freeze()))
    .with({ kind: 'pool' }, { kind: 'globalPool' }, { kind: 'dropout' }, { kind: 'dropPath' }, () => x)
    .with({ kind: 'upsample' }, { kind: 'shift' }, () => x)
    .with({ kind: 'add' }, () => {
      for (const other of ins.slice(1)) unite(x, other);
      return x;
    })
    .with({ kind: 'mul' }, () => {
      stuck(...ins.slice(1));
      return x;
    })
    .with({ kind: 'concat' }, () => Int32Array.from(ins.flatMap((part) => [...part])))
    .with({ kind: 'slice' }, ({ from, to }) => x.slice(from, to))
    .with({ kind: 'shuffle' }, ({ groups }) => x.map((_, j) => x[shuffled(j, c, groups)] as number))
    .with({ kind: 'permute' }, ({ order }) => Int32Array.from(order, (from) => x[from] as number))
    .with({ kind: 'flatten' }, () => Int32Array.from({ length: sizeOf(shape) }, (_, i) => x[i % c] as number))
    .with({ kind: 'maxout' }, ({ pieces }) => {
      const firsts = x.filter((_, i) => i % pieces === 0);
      unite(
        x,
        x.map((_, i) => firsts[Math.floor(i / pieces)] as number),
      );
      return firsts;
    })
    .with({ kind: 'input' }, { kind: 'norm' }, { kind: 'quantize' }, freeze)
    .exhaustive();
}
