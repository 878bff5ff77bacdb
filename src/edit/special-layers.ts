/**
 * @file Special layers of the literature as edits of any graph: stochastic depth, low-cost collaborative layers, shifts,
 * CReLU and expander connections. Stem and head stay as they are. All but stochastic depth give a graph that needs other
 * weights: a student to be trained. Layers that do not fit stay; a graph in which none fits is refused.
 */

import { get } from '../access.ts';
import { Refusal } from '../errors.ts';
import {
  ancestors,
  type Conv,
  channelsOf,
  check,
  consumers,
  firstInput,
  type Graph,
  isMap,
  type Node,
  nodesById,
  type Op,
  type Rule,
  rewrite,
  shapeOf,
} from '../graph/index.ts';
import { permutation, random } from '../random.ts';
import { seed as anySeed, belowOne, checkGraph, checkValue, inside } from './options.ts';

const inBody = ({ id }: Node): boolean => !/^(stem|head)(\/|$)/.test(id);
const node = (id: string, op: Op, ...inputs: readonly string[]): Node => ({ id, op, inputs });
const relu = { kind: 'act', fn: 'relu' } as const;
const norm = { kind: 'norm', eps: 1e-5, momentum: 0.9, scale: true, offset: true } as const;
const isFree = (graph: Graph, { id, weightsOf }: Node): boolean =>
  weightsOf === undefined && !graph.nodes.some((n) => n.weightsOf === id);

/** A pointwise conv as wide, as strided and in as many groups as this one. */
const pointwise = (op: Conv, groups = op.groups): Conv => ({
  ...op,
  kernel: [1, 1],
  dilation: [1, 1],
  padding: 'same',
  groups,
});

/** The graph with the convs of its body replaced, where a pointwise conv would give the same shape. @throws Refusal for none. */
function onConvs(
  edit: string,
  graph: Graph,
  what: string,
  make: (n: Node, op: Conv, channels: number) => readonly Node[] | undefined,
): Graph {
  checkGraph(edit, graph);
  const rule: Rule = (n, { ins: [shape] }) => {
    if (n.op.kind !== 'conv' || !shape || !isMap(shape) || !inBody(n) || !isFree(graph, n)) return undefined;
    const same = (op: Conv): boolean =>
      shapeOf(op, [shape]).every((size, i) => size === shapeOf(n.op, [shape])[i]);
    return same(pointwise(n.op)) ? make(n, n.op, channelsOf(shape)) : undefined;
  };
  return changed(graph, rewrite(graph, rule), what);
}

function changed(before: Graph, after: Graph, what: string): Graph {
  if (before === after) throw new Refusal(`${before.name}: no layer can be replaced by ${what}`);
  return check(after);
}

const hasWindow = ({ kernel: [h, w] }: Conv): boolean => h > 1 || w > 1;

/**
 * Each k x k conv becomes its product with relu(norm(1x1 conv)) of the same input (Dong et al. 2017, arXiv:1703.08651).
 * @throws Refusal when no conv can be replaced; UsageError for what is no graph.
 */
export const withCollaborative = (graph: Graph): Graph =>
  onConvs('withCollaborative', graph, 'a collaborative layer', (n, op) =>
    hasWindow(op)
      ? [
          node(`${n.id}/body`, op, ...n.inputs),
          node(`${n.id}/cheap`, { ...pointwise(op, 1), bias: false }, ...n.inputs),
          node(`${n.id}/cheap/norm`, norm, `${n.id}/cheap`),
          node(`${n.id}/cheap/act`, relu, `${n.id}/cheap/norm`),
          node(n.id, { kind: 'mul' }, `${n.id}/body`, `${n.id}/cheap/act`),
        ]
      : undefined,
  );

/**
 * Each k x k conv becomes a shift and a 1x1 conv (Wu et al. 2017, arXiv:1711.08141).
 * @throws Refusal when no conv has k x k channels or more, as a shift needs; UsageError for what is no graph.
 */
export const withShift = (graph: Graph): Graph =>
  onConvs('withShift', graph, 'a shift', (n, op, channels) => {
    const [k, w] = op.kernel;
    if (k === 1 || k !== w || k % 2 === 0 || channels < k * k || op.dilation.some((d) => d > 1))
      return undefined;
    const id = `${n.id}/shift`;
    return [node(id, { kind: 'shift', kernel: k }, ...n.inputs), node(n.id, pointwise(op), id)];
  });

/**
 * Each full conv becomes a sparse one, in which an output reads about `share` of the inputs, drawn at random from `seed`
 * (Prabhu et al. 2018, arXiv:1711.08757): a sum of up to four grouped convs of permuted channels.
 * @throws UsageError for a share that is not between 0 and 1; Refusal when every conv would stay full.
 * @example
 * import { cost, structure } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * const graph = wrn({ depth: 10, size: 16 });
 * console.log(cost(structure.withExpander(graph, 0.25)).params < cost(graph).params); // true
 */
export function withExpander(graph: Graph, share: number, seed = 1): Graph {
  checkValue('withExpander', 'the share of inputs', share, inside);
  checkValue('withExpander', 'seed', seed, anySeed);
  return onConvs('withExpander', graph, 'expander connections', (n, op, channels) => {
    const [draws, groups] = nearest(share, greatestDivisor(channels, op.out));
    if (op.groups > 1 || draws >= groups) return undefined;
    const order = (side: string, length: number, i: number): Op => ({
      kind: 'permute',
      order: [...permutation(length, random('expander', seed, n.id, side, i))],
    });
    /** One grouped conv of permuted inputs; `end` is the path of its permuted outputs. */
    const term = (i: number, end: string): readonly Node[] => [
      node(`${n.id}/draw${i}/read`, order('in', channels, i), ...n.inputs),
      node(`${n.id}/draw${i}/conv`, { ...op, groups, bias: op.bias && i === 0 }, `${n.id}/draw${i}/read`),
      node(end, order('out', op.out, i), `${n.id}/draw${i}/conv`),
    ];
    if (draws === 1) return term(0, n.id);
    const ends = Array.from({ length: draws }, (_, i) => `${n.id}/draw${i}/write`);
    return [...ends.flatMap((end, i) => term(i, end)), node(n.id, { kind: 'add' }, ...ends)];
  });
}

/** The number of draws (up to four) and of groups whose quotient is nearest to a share of inputs; more draws first. */
function nearest(share: number, divisible: number): readonly [draws: number, groups: number] {
  const pairs = Array.from({ length: divisible }, (_, i) => i + 1)
    .filter((groups) => divisible % groups === 0)
    .flatMap((groups) => [4, 3, 2, 1].map((draws) => [draws, groups] as const));
  const off = ([draws, groups]: readonly [number, number]): number => Math.abs(draws / groups - share);
  return pairs.reduce((best, pair) => (off(pair) < off(best) ? pair : best), [1, 1] as const);
}

function greatestDivisor(a: number, b: number): number {
  return b ? greatestDivisor(b, a % b) : a;
}

/**
 * CReLU: each conv, norm and relu in series becomes [relu(x), relu(-x)] of half the filters (Shang et al. 2016,
 * arXiv:1603.05201). Widths stay.
 * @throws Refusal when no relu is the only reader of such a conv; UsageError for what is no graph.
 */
export function withConcatRelu(graph: Graph): Graph {
  checkGraph('withConcatRelu', graph);
  const byId = nodesById(graph);
  const readers = consumers(graph);
  const alone = (n: Node): boolean => readers.get(n.id)?.length === 1 && !graph.outputs.includes(n.id);
  /** The conv before this relu, if nothing else reads it. */
  const source = (act: Node): Node | undefined => {
    const before = get(byId, firstInput(act));
    const conv = before.op.kind === 'norm' ? get(byId, firstInput(before)) : before;
    const free = [before, conv].every((n) => alone(n) && isFree(graph, n));
    if (!free || conv.op.kind !== 'conv' || !inBody(conv)) return undefined;
    return conv.op.out % (2 * conv.op.groups) ? undefined : conv;
  };
  const acts = graph.nodes.filter((n) => n.op.kind === 'act' && n.op.fn === 'relu' && inBody(n));
  const halved = new Set<string>();
  const mirrored = new Set<string>();
  for (const act of acts) {
    const conv = source(act);
    if (!conv) continue;
    halved.add(conv.id);
    mirrored.add(act.id);
  }
  const rule: Rule = (n) => {
    if (n.op.kind === 'conv' && halved.has(n.id)) return [{ ...n, op: { ...n.op, out: n.op.out / 2 } }];
    if (!mirrored.has(n.id)) return undefined;
    return [
      node(`${n.id}/same`, relu, ...n.inputs),
      node(`${n.id}/negate`, { kind: 'act', fn: 'negate' }, ...n.inputs),
      node(`${n.id}/other`, relu, `${n.id}/negate`),
      node(n.id, { kind: 'concat' }, `${n.id}/same`, `${n.id}/other`),
    ];
  };
  return changed(graph, rewrite(graph, rule), 'CReLU');
}

/**
 * Stochastic depth: training drops residual bodies at random, the last at rate `last` (from 0 up and below 1), earlier ones at
 * rates in proportion to their depth (Huang et al. 2016, arXiv:1603.09382). Weights and inference stay the same.
 * @throws Refusal when no sum has a body and a shortcut; UsageError for a rate out of range.
 * @example
 * import { graphs, structure } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * const graph = structure.withStochasticDepth(wrn({ depth: 16, size: 16 }), 0.5);
 * console.log(graphs.select(graph).kind('dropPath').ids.length); // 6
 */
export function withStochasticDepth(graph: Graph, last: number): Graph {
  checkGraph('withStochasticDepth', graph);
  checkValue('withStochasticDepth', 'the last rate', last, belowOne);
  const bodies = new Map<string, string>(); // sum -> its body
  for (const n of graph.nodes) {
    if (n.op.kind !== 'add' || n.inputs.length !== 2 || !inBody(n)) continue;
    const [a, b] = n.inputs.map((id) => [id, ancestors(graph, [id])] as const);
    if (!a || !b) continue;
    const more = (x: ReadonlySet<string>, y: ReadonlySet<string>): number =>
      [...x].filter((id) => !y.has(id)).length;
    const [left, right] = [more(a[1], b[1]), more(b[1], a[1])];
    if (left !== right) bodies.set(n.id, left > right ? a[0] : b[0]);
  }
  let depth = 0;
  const rule: Rule = (n) => {
    const body = bodies.get(n.id);
    if (body === undefined) return undefined;
    const id = `${n.id}/dropPath`;
    const rate = (last * ++depth) / bodies.size;
    return [
      node(id, { kind: 'dropPath', rate }, body),
      { ...n, inputs: n.inputs.map((i) => (i === body ? id : i)) },
    ];
  };
  return changed(graph, rewrite(graph, rule), 'stochastic depth');
}
