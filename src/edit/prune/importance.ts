/**
 * @file The importance of channels. Scores belong to classes of channels (see graph/channels.ts), since channels that
 * meet in a sum are removed together. The score of a class is the mean over the layers that produce it.
 *
 * - `l1`, `l2`: the norm of a filter. Li et al. 2017, arXiv:1608.08710, section 3.1.
 * - `norm-scale`: |gamma| of its batch norms. Liu et al. 2017, arXiv:1708.06519 (network slimming), section 3.
 * - `geometric-median`: sum over k of |F_j - F_k|, small for filters that others can replace. He et al. 2019,
 *   arXiv:1811.00250, equation 6.
 * - `taylor`: (sum of gradient times weight)^2, the squared change of the loss to first order. Molchanov et al. 2019,
 *   arXiv:1906.10771, equations 8 and 9, with the gate after the batch norm where there is one.
 * - `reconstruction`: sum over its readers of |W_i|^2 E[x_i^2], the error in their outputs when the channel is removed.
 *   The criterion of He et al. 2017, arXiv:1707.06168, equation 1, for one channel alone.
 */
import { get, item } from '../../access.ts';
import { Refusal } from '../../errors.ts';
import {
  type Channels,
  firstInput,
  groupsOf,
  mixesChannels,
  type Node,
  type Slot,
} from '../../graph/index.ts';
import { materialize, type Net, type WeightKey } from '../../weights/index.ts';

export const importances = [
  'l1',
  'l2',
  'norm-scale',
  'geometric-median',
  'taylor',
  'reconstruction',
] as const;
export type Importance = (typeof importances)[number];

/** What some scores need from the data. */
export interface Evidence {
  /** For `taylor`: gradients of the loss by weight, one map for each batch. */
  readonly gradients?: readonly ReadonlyMap<WeightKey, Float32Array>[];
  /** For `reconstruction`: the mean square of each channel of a value, by node. */
  readonly energies?: ReadonlyMap<string, ArrayLike<number>>;
}
/** By class. Classes that no layer produces have none. */
export type Scores = ReadonlyMap<number, number>;

/**
 * The importance of each class of channels.
 * @throws Refusal when `evidence` lacks the gradients or energies that the score needs, or no norm has a scale.
 */
export function scores(net: Net, all: Channels, by: Importance, evidence: Evidence = {}): Scores {
  switch (by) {
    case 'l1':
      return means(filterScores(net, all, (kernel) => sumsByFilter(kernel, Math.abs)));
    case 'l2':
      return means(filterScores(net, all, (kernel) => sumsByFilter(kernel, (w) => w * w).map(Math.sqrt)));
    case 'geometric-median':
      return means(filterScores(net, all, distances));
    case 'norm-scale':
      return normScores(net, all);
    case 'taylor':
      return taylorScores(net, all, evidence.gradients);
    case 'reconstruction':
      return readerScores(net, all, evidence.energies);
  }
}

/** A class, and the score that one layer gives it. */
type Vote = readonly [id: number, score: number];

function means(votes: Iterable<Vote>): Scores {
  const sums = new Map<number, { sum: number; count: number }>();
  for (const [id, score] of votes) {
    const { sum, count } = sums.get(id) ?? { sum: 0, count: 0 };
    sums.set(id, { sum: sum + score, count: count + 1 });
  }
  return new Map([...sums].map(([id, { sum, count }]) => [id, sum / count]));
}

const channelsIn = (all: Channels, node: Node): number => all.of.get(node.inputs[0] ?? '')?.length ?? 0;

/** Convs and dense layers that produce channels of their own; depthwise convs pass channels on. */
export const producersOf = ({ graph }: Net, all: Channels): readonly Node[] =>
  graph.nodes.filter((n) => !n.weightsOf && mixesChannels(n.op, channelsIn(all, n)));

/** The weights of each output channel of a layer. */
export function filtersOf(net: Net, node: string): readonly Float32Array[] {
  return filtersIn(kernelOf(net, node));
}

/** A kernel as rows of one weight for each output channel. */
interface Kernel {
  readonly data: Float32Array;
  readonly out: number;
}

function kernelOf(net: Net, node: string): Kernel {
  const weight = net.weights.get(`${node}:kernel`);
  if (!weight) throw new Error(`internal: no kernel at "${node}"`);
  return { data: materialize(weight), out: item(weight.shape, -1) };
}

function filtersIn({ data, out }: Kernel): readonly Float32Array[] {
  const rows = data.length / out;
  const filters = Array.from({ length: out }, () => new Float32Array(rows));
  for (const [j, filter] of filters.entries()) for (let i = 0; i < rows; i++) filter[i] = data[i * out + j]!;
  return filters;
}

/** The sum over each filter's weights of f(w); the kernel is read in the order of memory. */
function sumsByFilter({ data, out }: Kernel, f: (w: number) => number): Float64Array {
  const sums = new Float64Array(out);
  for (let row = 0; row < data.length; row += out)
    for (let j = 0; j < out; j++) sums[j]! += f(data[row + j]!);
  return sums;
}

/** The sum of each filter's distances from all filters. */
function distances(kernel: Kernel): Float64Array {
  const filters = filtersIn(kernel);
  return Float64Array.from(filters, (f) => filters.reduce((sum, other) => sum + distance(f, other), 0));
}

/** The votes of the layers that produce channels, by a score of each of their filters. */
function* filterScores(net: Net, all: Channels, score: (kernel: Kernel) => Float64Array): Generator<Vote> {
  for (const { id } of producersOf(net, all)) {
    const classes = get(all.of, id);
    for (const [j, value] of score(kernelOf(net, id)).entries()) yield [classes[j]!, value];
  }
}

const distance = (a: Float32Array, b: Float32Array): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(sum);
};

/** Norms with a scale, and the classes that they scale. */
const scaled = ({ graph }: Net, all: Channels): readonly (readonly [Node, Int32Array])[] =>
  graph.nodes.flatMap((n) =>
    n.op.kind === 'norm' && n.op.scale && !n.weightsOf ? [[n, get(all.of, n.id)] as const] : [],
  );

function normScores(net: Net, all: Channels): Scores {
  const found = means(
    scaled(net, all).flatMap(([n, classes]) => {
      const gamma = materialize(get(net.weights, `${n.id}:gamma`));
      return [...classes].map((id, i): Vote => [id, Math.abs(gamma[i]!)]);
    }),
  );
  if (found.size) return found;
  throw new Refusal(
    `${net.graph.name}: norm-scale needs batch norms with a scale, and the net has none; use l1 or l2`,
  );
}

/** The largest |gamma| of each class over the norms that scale it. Classes that no norm scales have none. */
export function classScales(net: Net, all: Channels): Scores {
  const scales = new Map<number, number>();
  for (const [n, classes] of scaled(net, all)) {
    const gamma = materialize(get(net.weights, `${n.id}:gamma`));
    classes.forEach((id, i) => {
      scales.set(id, Math.max(scales.get(id) ?? 0, Math.abs(gamma[i]!)));
    });
  }
  return scales;
}

function taylorScores(net: Net, all: Channels, gradients: Evidence['gradients']): Scores {
  if (!gradients?.length)
    throw new Refusal(
      `${net.graph.name}: taylor needs gradients of the loss; compute them on some batches (gradients() of moonlet/learn)`,
    );
  const norms = scaled(net, all).map(([n]) => n);
  const producers = producersOf(net, all);
  const sums = new Map<number, number>();
  for (const batch of gradients) {
    // the scale and offset of a norm are the gate of its channels; they replace the filters before it
    const gates = new Map([
      ...gatesOf(net, all, producers, ['kernel', 'bias'], batch),
      ...gatesOf(net, all, norms, ['gamma', 'beta'], batch),
    ]);
    for (const [id, gate] of gates) sums.set(id, (sums.get(id) ?? 0) + gate ** 2);
  }
  return new Map([...sums].map(([id, sum]) => [id, sum / gradients.length]));
}

/** By class: sum of gradient times weight over some layers' output channels. */
function gatesOf(
  net: Net,
  all: Channels,
  nodes: readonly Node[],
  slots: readonly Slot[],
  gradients: ReadonlyMap<WeightKey, Float32Array>,
): ReadonlyMap<number, number> {
  const gates = new Map<number, number>();
  for (const { id } of nodes) {
    const classes = get(all.of, id);
    for (const slot of slots) {
      const [weight, gradient] = [net.weights.get(`${id}:${slot}`), gradients.get(`${id}:${slot}`)];
      if (!weight || !gradient) continue;
      materialize(weight).forEach((w, i) => {
        const c = classes[i % classes.length]!;
        gates.set(c, (gates.get(c) ?? 0) + w * gradient[i]!);
      });
    }
  }
  return gates;
}

function readerScores(net: Net, all: Channels, energies: Evidence['energies']): Scores {
  if (!energies)
    throw new Refusal(
      `${net.graph.name}: reconstruction needs the mean squares of its values; compute them on some examples (energies() of moonlet/learn)`,
    );
  const sums = new Map<number, number>();
  for (const node of net.graph.nodes) {
    const { op } = node;
    const c = channelsIn(all, node);
    if (!mixesChannels(op, c)) continue;
    const energy = energies.get(firstInput(node));
    const weight = net.weights.get(`${node.weightsOf ?? node.id}:kernel`);
    if (!energy || !weight)
      throw new Refusal(
        `${node.id}: its input "${node.inputs[0]}" has no mean square in "energies"; give those of all values`,
      );
    const data = materialize(weight);
    const [rows, out] = [item(weight.shape, -2), item(weight.shape, -1)];
    const groups = groupsOf(op);
    const squares = new Float64Array(c);
    for (let at = 0; at < data.length; at++) {
      const [j, i] = [at % out, Math.floor(at / out) % rows];
      const channel = Math.floor((j * groups) / out) * rows + i;
      squares[channel]! += data[at]! ** 2;
    }
    const read = get(all.of, firstInput(node));
    read.forEach((id, i) => {
      sums.set(id, (sums.get(id) ?? 0) + squares[i]! * energy[i]!);
    });
  }
  return sums;
}
