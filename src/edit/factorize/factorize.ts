/**
 * @file Low-rank factorization: layers become several smaller layers whose product is nearest to what they were. The last
 * of them keeps the layer's path and bias; those before it stand below that path.
 */
import { Refusal, suggestion } from '../../errors.ts';
import {
  type Conv,
  channelsOf,
  check,
  type Graph,
  type Node,
  type Shape,
  select,
  shapes,
} from '../../graph/index.ts';
import { cost } from '../../read/index.ts';
import { float, materialize, type Net, net, type Weight, type WeightKey } from '../../weights/index.ts';
import { checkNet } from '../options.ts';
import { type CpOptions, cp, cpParts } from './cp.ts';
import { checkFactorize, type FactorizeMethod, type FactorizeOptions } from './factorize-options.ts';
import { type LinearOp, type Part, type Split, splitConv, splitDense } from './split.ts';
import { discarded, rankByEnergy, rankByVbmf } from './svd.ts';

export interface FactorizedLayer {
  readonly id: string;
  readonly ranks: readonly number[];
  /** |W - W'| / |W| of the kernel: what the singular values say for `svd` and `spatial`, measured for `cp`, a bound for `tucker`. */
  readonly error: number;
}
export interface Factorized {
  readonly net: Net;
  readonly layers: readonly FactorizedLayer[];
}

/** A layer, and what it becomes at the ranks that a share of energy asks for. */
interface Candidate {
  readonly node: Node & { readonly op: LinearOp };
  /** Largest sensible ranks. */
  readonly full: readonly number[];
  ranksAt(energy: number): readonly number[];
  parts(ranks: readonly number[]): readonly Part[];
  error(ranks: readonly number[]): number;
  readonly vbmf: () => readonly number[];
}

/**
 * Layers whose parts would cost no fewer parameters stay as they are, unless a rank is given. Full rank preserves the
 * function to rounding.
 * @throws Refusal when no layer fits, or a budget cannot be met.
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
    const made = c.parts(ranks);
    parts.set(node.id, made);
    for (const { suffix, shape, kernel } of made)
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
        const made: Node = { id: pathOf(node.id, suffix), op, inputs };
        inputs = [made.id];
        return made;
      }) ?? [node]
    );
  });
  return { ...graph, nodes };
}

/** What the method can cut: layers of their own, of one group, that have more than one place where the method needs it. */
function candidates({ graph, weights }: Net, o: FactorizeOptions): readonly Candidate[] {
  const { method, where } = o;
  const shapeById = shapes(graph);
  const selection = select(graph);
  const wanted =
    where === undefined ? selection : where.includes('*') ? selection.glob(where) : selection.under(where);
  const lent = new Set(graph.nodes.flatMap((n) => n.weightsOf ?? []));
  const fits = ({ op, id, weightsOf }: Node): boolean => {
    if (weightsOf !== undefined || lent.has(id)) return false;
    if (op.kind === 'dense') return method === 'svd';
    if (op.kind !== 'conv' || op.groups !== 1) return false;
    const [kh, kw] = op.kernel;
    if (method === 'svd') return true;
    return method === 'spatial' || method === 'cp' ? kh > 1 && kw > 1 : kh * kw > 1;
  };
  const nodes = wanted.nodes.filter(fits);
  if (!nodes.length) {
    const names = graph.nodes.flatMap((n) =>
      n.id.split('/').map((_, i, all) => all.slice(0, i + 1).join('/')),
    );
    const hint = where === undefined || wanted.nodes.length ? '' : suggestion(where, [...new Set(names)]);
    throw new Refusal(
      `factorize: ${method} fits no layer${where === undefined ? ` of ${graph.name}` : ` at "${where}"`}; it takes ${takes[method]}.${hint}`,
    );
  }
  return nodes.map((n) => {
    const node = n as Candidate['node'];
    const kernel = weights.get(`${n.id}:kernel`) as Weight;
    const channels = channelsOf(shapeById.get(n.inputs[0] as string) as Shape);
    return candidate(node, channels, kernel, o);
  });
}
const takes: Readonly<Record<FactorizeMethod, string>> = {
  svd: 'dense layers and convs of one group',
  spatial: 'convs of one group, more than one place high and wide',
  tucker: 'convs of one group with more than one place',
  cp: 'convs of one group, more than one place high and wide',
};

function candidate(
  node: Candidate['node'],
  channels: number,
  weight: Weight,
  o: FactorizeOptions,
): Candidate {
  const data = materialize(weight);
  const { op } = node;
  if (o.method === 'cp') return byCp(node, weight.shape, data, o);
  let made: Split | undefined;
  const split = (): Split => {
    made ??=
      op.kind === 'dense'
        ? splitDense(op, [channels, op.out], data)
        : splitConv(op, weight.shape as never, data, o.method as Exclude<FactorizeMethod, 'cp'>);
    return made;
  };
  const total = data.reduce((sum, v) => sum + v * v, 0) || 1;
  return {
    node,
    full: split().matrices.map((m) => m.values.length),
    ranksAt: (energy) => split().matrices.map((m) => rankByEnergy(m.values, energy)),
    parts: (ranks) => split().parts(ranks),
    error: (ranks) =>
      Math.sqrt(
        split().matrices.reduce((sum, m, k) => sum + discarded(m.values, ranks[k] as number), 0) / total,
      ),
    vbmf: () => split().matrices.map(rankByVbmf),
  };
}

/** CP has no singular values: its rank is given, or follows from a budget, of which a share of energy is taken as it is. */
function byCp(
  node: Candidate['node'],
  shape: readonly number[],
  data: Float32Array,
  o: CpOptions,
): Candidate {
  const [kh = 1, kw = 1, I = 1, O = 1] = shape;
  const found = new Map<number, ReturnType<typeof cp>>();
  const at = (rank: number): ReturnType<typeof cp> => {
    const known = found.get(rank) ?? cp([kh, kw, I, O], data, rank, o);
    found.set(rank, known);
    return known;
  };
  // at this rank the parts cost what the layer does
  const most = Math.max(1, Math.floor((kh * kw * I * O) / (kh + kw + I + O)));
  const none = new Float64Array();
  return {
    node,
    full: [most],
    ranksAt: (energy) => [Math.max(1, Math.round(energy * most))],
    parts: ([rank = 1]) =>
      cpParts(node.op as Conv, [kh, kw, I, O], { rank, factors: [none, none, none, none], error: 0 }).map(
        (part, k) => ({
          ...part,
          kernel: () => (cpParts(node.op as Conv, [kh, kw, I, O], at(rank))[k] as Part).kernel(),
        }),
      ),
    error: ([rank = 1]) => at(rank).error,
    vbmf: () => {
      throw new Refusal('factorize: cp has no matrix for vbmf to judge; give a rank or a budget');
    },
  };
}

const size = (parts: readonly Part[]): number =>
  parts.reduce((sum, { shape }) => sum + shape.reduce((n, d) => n * d, 1), 0);

/** The ranks of each layer that is cut. */
function choose(
  graph: Graph,
  found: readonly Candidate[],
  { ranks, method }: FactorizeOptions,
): ReadonlyMap<string, readonly number[]> {
  if (ranks !== 'vbmf' && 'rank' in ranks) {
    const given = typeof ranks.rank === 'number' ? [ranks.rank, ranks.rank] : ranks.rank;
    // a decomposition by squares may go past what the layer has; a matrix has no more
    const bound = (r: number, most: number): number => (method === 'cp' ? r : Math.min(r, most));
    return new Map(found.map((c) => [c.node.id, c.full.map((most, k) => bound(given[k] as number, most))]));
  }
  if (ranks === 'vbmf') return smaller(graph, found, (c) => c.vbmf());
  if ('energy' in ranks) {
    if (method === 'cp')
      throw new Refusal('factorize: cp has no singular values to keep energy of; give a rank or a budget');
    return smaller(graph, found, (c) => c.ranksAt(ranks.energy));
  }
  const [what, budget] =
    'params' in ranks ? (['params', ranks.params] as const) : (['macs', ranks.macs] as const);
  return withinBudget(graph, found, what, budget);
}

/** The layers that are cheaper at these ranks. */
function smaller(
  graph: Graph,
  found: readonly Candidate[],
  ranksOf: (c: Candidate) => readonly number[],
): ReadonlyMap<string, readonly number[]> {
  const before = new Map(cost(graph).layers.map((l) => [l.id, l.params]));
  return new Map(
    found.flatMap((c) => {
      const ranks = ranksOf(c);
      const bias = c.node.op.bias ? c.node.op.out : 0;
      return size(c.parts(ranks)) + bias < (before.get(c.node.id) as number) ? [[c.node.id, ranks]] : [];
    }),
  );
}

/** Bisection over the share of energy that every layer keeps. */
function withinBudget(
  graph: Graph,
  found: readonly Candidate[],
  what: 'params' | 'macs',
  budget: number,
): ReadonlyMap<string, readonly number[]> {
  const most = budget * cost(graph)[what];
  const at = (energy: number): ReadonlyMap<string, readonly number[]> =>
    smaller(graph, found, (c) => c.ranksAt(energy));
  const costs = (chosen: ReadonlyMap<string, readonly number[]>): number => {
    const parts = new Map(
      found.flatMap((c) => {
        const ranks = chosen.get(c.node.id);
        return ranks ? [[c.node.id, c.parts(ranks)] as const] : [];
      }),
    );
    return cost(replaced(graph, parts))[what];
  };
  const least = at(0);
  if (costs(least) > most) {
    throw new Refusal(
      `factorize: at rank 1 ${graph.name} still has ${costs(least)} ${what}, and the budget is ${Math.floor(most)}; choose a larger one`,
    );
  }
  let [low, high] = [0, 1];
  for (let i = 0; i < 30; i++) {
    const middle = (low + high) / 2;
    if (costs(at(middle)) <= most) low = middle;
    else high = middle;
  }
  return at(low);
}
