/**
 * @file Low-rank factorization: a layer becomes several smaller layers whose product is nearest to it. The last of them
 * keeps the layer's path and bias; the others have paths below it.
 */
import { get, item } from '../../access.ts';
import { Refusal, suggestion } from '../../errors.ts';
import { type Conv, check, type Graph, inputChannels, type Node, select, shapes } from '../../graph/index.ts';
import { cost } from '../../read/index.ts';
import { float, materialize, type Net, net, type Weight, type WeightKey } from '../../weights/index.ts';
import { checkNet } from '../options.ts';
import { type Cp, type CpOptions, cp, cpParts } from './cp.ts';
import { checkFactorize, type FactorizeMethod, type FactorizeOptions } from './factorize-options.ts';
import { type Four, type LinearOp, type Part, type Split, splitConv, splitDense } from './split.ts';
import { discarded, rankByEnergy, rankByVbmf } from './svd.ts';

export interface FactorizedLayer {
  readonly id: string;
  readonly ranks: readonly number[];
  /** |W - W'| / |W| of the kernel: exact for `svd` and `spatial`, the final fit of `cp`, an upper bound for `tucker`. */
  readonly error: number;
}
export interface Factorized {
  readonly net: Net;
  readonly layers: readonly FactorizedLayer[];
}

type LinearNode = Node & { readonly op: LinearOp };

/** A layer that can be factorized. */
interface Candidate {
  readonly node: LinearNode;
  /** The largest ranks. */
  readonly full: readonly number[];
  /** The ranks that keep a share of the energy. */
  ranksAt(energy: number): readonly number[];
  parts(ranks: readonly number[]): readonly Part[];
  /** The relative error of the kernel at these ranks. */
  error(ranks: readonly number[]): number;
  /** The ranks that empirical variational Bayes finds. */
  vbmf(): readonly number[];
}
/** Ranks by layer. */
type Chosen = ReadonlyMap<string, readonly number[]>;

/**
 * Replaces layers by products of smaller layers of low rank. A layer whose parts would have no fewer parameters stays as
 * it is, unless the rank is given. At full rank the function is preserved to rounding.
 *
 * Methods: `svd` (Zhang et al. 2015, arXiv:1505.06798), `spatial` (Jaderberg et al. 2014, arXiv:1405.3866), `tucker` (Kim
 * et al. 2016, arXiv:1511.06530), `cp` (Lebedev et al. 2015, arXiv:1412.6553).
 *
 * @throws UsageError for options out of range; Refusal when the method fits no layer, no layer becomes smaller, or the
 * budget cannot be met.
 * @example
 * import { factorize, graph, init, input } from 'moonlet';
 * const net = init(graph('tiny', input(8, 8, 8).conv(32, { kernel: 3 }).relu().globalPool().dense(4)));
 * const { layers } = factorize(net, { method: 'tucker', ranks: { rank: [4, 8] }, where: 'conv' });
 * layers.map(({ id, ranks }) => [id, ...ranks]); // [['conv', 4, 8]]
 */
export function factorize(whole: Net, o: FactorizeOptions): Factorized {
  checkNet('factorize', whole);
  checkFactorize(o);
  const found = candidates(whole, o);
  const chosen = choose(whole.graph, found, o);
  if (!chosen.size) {
    throw new Refusal(
      `factorize: ${o.method} at these ranks makes no layer of ${whole.graph.name} smaller; choose lower ranks`,
    );
  }
  const weights = new Map<WeightKey, Weight>(whole.weights);
  const layers: FactorizedLayer[] = [];
  const parts = new Map<string, readonly Part[]>();
  for (const { node, ...c } of found) {
    const ranks = chosen.get(node.id);
    if (!ranks) continue;
    const smaller = c.parts(ranks);
    parts.set(node.id, smaller);
    for (const { suffix, shape, kernel } of smaller)
      weights.set(`${pathOf(node.id, suffix)}:kernel`, float(shape, kernel()));
    layers.push({ id: node.id, ranks, error: c.error(ranks) });
  }
  return { net: net(check(replaced(whole.graph, parts)), weights), layers };
}

const pathOf = (id: string, suffix: string | undefined): string =>
  suffix === undefined ? id : `${id}/${suffix}`;

function replaced(graph: Graph, parts: ReadonlyMap<string, readonly Part[]>): Graph {
  const nodes = graph.nodes.flatMap((node): Node[] => {
    let inputs = node.inputs;
    return (
      parts.get(node.id)?.map(({ suffix, op }) => {
        const part: Node = { id: pathOf(node.id, suffix), op, inputs };
        inputs = [part.id];
        return part;
      }) ?? [node]
    );
  });
  return { ...graph, nodes };
}

/** The layers that the method can factorize: they share no weights, have one group, and a large enough window. */
function candidates({ graph, weights }: Net, o: FactorizeOptions): readonly Candidate[] {
  const { method, where } = o;
  const shapeById = shapes(graph);
  const selection = select(graph);
  const selected =
    where === undefined ? selection : where.includes('*') ? selection.glob(where) : selection.under(where);
  const lent = new Set(graph.nodes.flatMap((n) => n.weightsOf ?? []));
  const nodes = selected.nodes
    .filter(isLinear)
    .filter((n) => n.weightsOf === undefined && !lent.has(n.id) && fits(n.op, method));
  if (!nodes.length) {
    const paths = graph.nodes.flatMap((n) =>
      n.id.split('/').map((_, i, names) => names.slice(0, i + 1).join('/')),
    );
    const hint = where === undefined || selected.nodes.length ? '' : suggestion(where, [...new Set(paths)]);
    throw new Refusal(
      `factorize: ${method} fits no layer${where === undefined ? ` of ${graph.name}` : ` at "${where}"`}; it takes ${takes[method]}.${hint}`,
    );
  }
  return nodes.map((node) =>
    candidate(node, inputChannels(node, shapeById), get(weights, `${node.id}:kernel`), o),
  );
}
const isLinear = (node: Node): node is LinearNode => node.op.kind === 'conv' || node.op.kind === 'dense';

function fits(op: LinearOp, method: FactorizeMethod): boolean {
  if (op.kind === 'dense') return method === 'svd';
  if (op.groups !== 1) return false;
  const [kh, kw] = op.kernel;
  if (method === 'svd') return true;
  return method === 'tucker' ? kh * kw > 1 : kh > 1 && kw > 1;
}
const takes: Readonly<Record<FactorizeMethod, string>> = {
  svd: 'dense layers and convs of one group',
  spatial: 'convs of one group with a kernel more than 1 high and wide',
  tucker: 'convs of one group with a kernel larger than 1 x 1',
  cp: 'convs of one group with a kernel more than 1 high and wide',
};

function candidate(node: LinearNode, channels: number, weight: Weight, o: FactorizeOptions): Candidate {
  const data = materialize(weight);
  const { op } = node;
  const { method } = o;
  if (op.kind === 'dense') return byMatrices(node, data, splitDense(op, [channels, op.out], data));
  const shape = fourOf(weight.shape);
  if (method === 'cp') return byCp(node, op, shape, data, o);
  return byMatrices(node, data, splitConv(op, shape, data, method));
}

/** The shape of a conv's kernel. */
const fourOf = ([kh = 1, kw = 1, inputs = 1, outputs = 1]: readonly number[]): Four => [
  kh,
  kw,
  inputs,
  outputs,
];

function byMatrices(node: LinearNode, data: Float32Array, { matrices, parts }: Split): Candidate {
  const total = data.reduce((sum, v) => sum + v * v, 0) || 1;
  return {
    node,
    full: matrices.map((m) => m.values.length),
    ranksAt: (energy) => matrices.map((m) => rankByEnergy(m.values, energy)),
    parts,
    error: (ranks) =>
      Math.sqrt(matrices.reduce((sum, m, k) => sum + discarded(m.values, item(ranks, k)), 0) / total),
    vbmf: () => matrices.map(rankByVbmf),
  };
}

/** CP has no singular values: its rank is given or follows from a budget, and a share of energy means a share of the rank. */
function byCp(node: LinearNode, op: Conv, shape: Four, data: Float32Array, o: CpOptions): Candidate {
  const [kh, kw, I, O] = shape;
  const known = new Map<number, Cp>();
  const decomposed = (rank: number): Cp => {
    const result = known.get(rank) ?? cp(shape, data, rank, o);
    known.set(rank, result);
    return result;
  };
  // at this rank the parts have as many parameters as the layer
  const most = Math.max(1, Math.floor((kh * kw * I * O) / (kh + kw + I + O)));
  return {
    node,
    full: [most],
    ranksAt: (energy) => [Math.max(1, Math.round(energy * most))],
    parts: ([rank = 1]) => cpParts(op, shape, rank, () => decomposed(rank).factors),
    error: ([rank = 1]) => decomposed(rank).error,
    vbmf: () => {
      throw new Refusal('factorize: cp has no singular values for vbmf; give a rank or a budget');
    },
  };
}

const size = (parts: readonly Part[]): number =>
  parts.reduce((sum, { shape }) => sum + shape.reduce((n, d) => n * d, 1), 0);

/** The ranks of each layer that is factorized. */
function choose(graph: Graph, found: readonly Candidate[], { ranks, method }: FactorizeOptions): Chosen {
  if (ranks !== 'vbmf' && 'rank' in ranks) {
    const given = typeof ranks.rank === 'number' ? [ranks.rank, ranks.rank] : ranks.rank;
    // the rank of a matrix is bounded by its sides; that of a CP decomposition is not
    const bound = (r: number, most: number): number => (method === 'cp' ? r : Math.min(r, most));
    return new Map(found.map((c) => [c.node.id, c.full.map((most, k) => bound(item(given, k), most))]));
  }
  if (ranks === 'vbmf') return smaller(graph, found, (c) => c.vbmf());
  if ('energy' in ranks) {
    if (method === 'cp')
      throw new Refusal(
        'factorize: cp has no singular values, of which `energy` keeps a share; give a rank or a budget',
      );
    return smaller(graph, found, (c) => c.ranksAt(ranks.energy));
  }
  const [what, budget] =
    'params' in ranks ? (['params', ranks.params] as const) : (['macs', ranks.macs] as const);
  return withinBudget(graph, found, what, budget);
}

/** The layers that have fewer parameters at these ranks. */
function smaller(
  graph: Graph,
  found: readonly Candidate[],
  ranksOf: (c: Candidate) => readonly number[],
): Chosen {
  const before = new Map(cost(graph).layers.map((l) => [l.id, l.params]));
  return new Map(
    found.flatMap((c) => {
      const ranks = ranksOf(c);
      const bias = c.node.op.bias ? c.node.op.out : 0;
      return size(c.parts(ranks)) + bias < get(before, c.node.id) ? [[c.node.id, ranks]] : [];
    }),
  );
}

/** Bisection over the share of energy that every layer keeps. */
function withinBudget(
  graph: Graph,
  found: readonly Candidate[],
  what: 'params' | 'macs',
  budget: number,
): Chosen {
  const most = budget * cost(graph)[what];
  const chosenAt = (energy: number): Chosen => smaller(graph, found, (c) => c.ranksAt(energy));
  const costs = (chosen: Chosen): number => {
    const parts = new Map(
      found.flatMap((c) => {
        const ranks = chosen.get(c.node.id);
        return ranks ? [[c.node.id, c.parts(ranks)] as const] : [];
      }),
    );
    return cost(replaced(graph, parts))[what];
  };
  const least = chosenAt(0);
  if (costs(least) > most) {
    throw new Refusal(
      `factorize: at rank 1 ${graph.name} still has ${costs(least)} ${what}, and the budget is ${Math.floor(most)}; choose a larger one`,
    );
  }
  let [low, high] = [0, 1];
  for (let i = 0; i < 30; i++) {
    const middle = (low + high) / 2;
    if (costs(chosenAt(middle)) <= most) low = middle;
    else high = middle;
  }
  return chosenAt(low);
}
