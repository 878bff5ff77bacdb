/**
 * @file Growth to a given graph: finds the Net2Net steps (deeper stages, larger kernels, wider layers) that lead from a net to a graph,
 * such as from one width of an architecture to another. Chen, Goodfellow and Shlens, ICLR 2016, arXiv:1511.05641.
 */
import { Refusal } from '../../errors.ts';
import { type Graph, type Node, stages } from '../../graph/index.ts';
import { entries, type Net, type WeightKey } from '../../weights/index.ts';
import { type Growth, identityMaps, inSequence } from '../channels/growth.ts';
import { checkGraph, checkNet, checkOptions, seed } from '../options.ts';
import { enlarge } from './enlarge.ts';
import { insert } from './insert.ts';
import { silence } from './repeat-block.ts';
import { widen } from './widen.ts';

/**
 * Grow a net to a graph that has the same paths: stages get more blocks, convs larger kernels and layers more channels, and the function
 * is preserved. What comes out is compared with the graph, node by node.
 * @throws UsageError for wrong arguments; Refusal with the first node that growth cannot make: a smaller width, another stride, a
 * block that is not like its stage's.
 * @example
 * import { growTo, init, verifyCertificate } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * const net = init(wrn({ depth: 10, width: 2, size: 16 }));
 * const grown = growTo(net, wrn({ depth: 16, width: 3, size: 16 }));
 * console.log(grown.net.graph.name); // wrn width=3 size=16
 * console.log(verifyCertificate(net, grown.net, grown.maps)); // []
 */
export function growTo(net: Net, target: Graph, o: { readonly seed?: number } = {}): Growth {
  checkNet('growTo', net);
  checkGraph('growTo', target, 'second');
  checkOptions('growTo', o, { seed });
  const done: Growth[] = [];
  const refuse = (reason: string): never => {
    throw new Refusal(`growTo: ${net.graph.name} does not grow to ${target.name}: ${reason}`);
  };
  try {
    for (const next of growths(target, o.seed ?? 0)) {
      const growth = next(done.at(-1)?.net ?? net);
      if (growth) done.push(...growth);
    }
  } catch (e) {
    if (e instanceof Refusal) refuse(e.message);
    throw e;
  }
  const grown = done.at(-1)?.net ?? net;
  const difference = firstDifference(grown.graph, target);
  if (difference !== undefined) refuse(difference);
  const [first = unchanged(net), ...more] = done;
  return { ...inSequence([first, ...more]), net: { graph: target, weights: weightsOf(target, grown) } };
}

/** Kernels first, then widths, then blocks, which are those of the wanted graph and need its widths. */
const growths = (target: Graph, seed: number): readonly ((net: Net) => readonly Growth[] | undefined)[] => [
  (net) => {
    let now = net;
    return kernelsToEnlarge(net.graph, target).map(([id, size]) => {
      const growth = enlarge(now, id, size);
      now = growth.net;
      return growth;
    });
  },
  (net) => {
    const widths = widthsToReach(net.graph, target);
    return Object.keys(widths).length ? [widen(net, widths, { seed })] : undefined;
  },
  (net) => {
    let now = net;
    return blocksToAdd(net.graph, target).map((nodes) => {
      const growth = withBlock(now, nodes, seed);
      now = growth.net;
      return growth;
    });
  },
];

/** A net that already has the wanted graph. */
const unchanged = (net: Net): Growth => ({
  net,
  maps: identityMaps(net.graph),
  added: [],
  preserves: 'both',
  follow: (_key, array) => array,
  back: (grown) => grown,
});

/** The net with a residual block of the wanted graph, whose branch ends in zeros. */
function withBlock(net: Net, nodes: readonly Node[], seed: number): Growth {
  const own = new Set(nodes.map((n) => n.id));
  const [entry, ...others] = new Set(nodes.flatMap((n) => n.inputs.filter((id) => !own.has(id))));
  const place = net.graph.nodes.find(({ id }) => id === entry);
  const name = nodes[0]?.id.split('/').slice(0, 2).join('/') ?? '';
  const insertion = place && !others.length ? silence(net.graph, nodes, place.id) : undefined;
  if (!place || !insertion)
    throw new Refusal(
      `${name}: this block cannot begin without an effect, since no branch of it ends in an add`,
    );
  return insert(net, place, insertion, seed);
}

/** The weights of a net whose nodes may stand in another order. */
function weightsOf(target: Graph, { weights }: Net): Net['weights'] {
  return new Map(
    entries(target).flatMap(({ key }): [WeightKey, NonNullable<ReturnType<typeof weights.get>>][] => {
      const weight = weights.get(key);
      return weight ? [[key, weight]] : [];
    }),
  );
}

/** The blocks `stage2/1`, `stage2/2`, ... that only the wanted graph has, each as its nodes, in its order. */
function blocksToAdd(graph: Graph, target: Graph): readonly (readonly Node[])[] {
  const names = new Set(stages(target).map(({ name }) => name));
  const blockOf = ({ id }: Node): string | undefined => {
    const [stage = '', block = ''] = id.split('/');
    return names.has(stage) && /^\d+$/.test(block) ? `${stage}/${block}` : undefined;
  };
  const there = new Set(graph.nodes.map(blockOf));
  const blocks = new Map<string, Node[]>();
  for (const node of target.nodes) {
    const block = blockOf(node);
    if (block === undefined || there.has(block)) continue;
    const nodes = blocks.get(block) ?? [];
    nodes.push(node);
    blocks.set(block, nodes);
  }
  return [...blocks.values()];
}

const byId = (graph: Graph): ReadonlyMap<string, Node> => new Map(graph.nodes.map((n) => [n.id, n]));

function kernelsToEnlarge(graph: Graph, target: Graph): readonly (readonly [string, number])[] {
  const wanted = byId(target);
  return graph.nodes.flatMap(({ id, op, weightsOf: shared }) => {
    const after = wanted.get(id)?.op;
    if (op.kind !== 'conv' || after?.kind !== 'conv' || shared !== undefined) return [];
    const [rows, columns] = after.kernel;
    return rows === columns && rows > op.kernel[0] && rows > op.kernel[1] ? [[id, rows] as const] : [];
  });
}

/** Widths of the layers that choose theirs; those that follow their input, such as depthwise convs, grow with it. */
function widthsToReach(graph: Graph, target: Graph): Readonly<Record<string, number>> {
  const wanted = byId(target);
  return Object.fromEntries(
    graph.nodes.flatMap(({ id, op }) => {
      const after = wanted.get(id)?.op;
      if (op.kind === 'conv' && after?.kind === 'conv' && op.groups === 1 && after.out > op.out)
        return [[id, after.out] as const];
      if (op.kind === 'dense' && after?.kind === 'dense' && after.out > op.out)
        return [[id, after.out] as const];
      return [];
    }),
  );
}

/** Where two graphs differ, in words; undefined when they have the same nodes and outputs. */
function firstDifference(graph: Graph, target: Graph): string | undefined {
  const now = byId(graph);
  for (const node of target.nodes) {
    const made = now.get(node.id);
    if (!made) return `${node.id}: growth does not make this node`;
    if (JSON.stringify(sorted(made)) !== JSON.stringify(sorted(node)))
      return `${node.id}: growth makes ${JSON.stringify(made.op)}, and ${JSON.stringify(node.op)} is wanted`;
  }
  const extra = graph.nodes.find(({ id }) => !target.nodes.some((n) => n.id === id));
  if (extra) return `${extra.id}: the wanted graph does not have this node`;
  return JSON.stringify(graph.outputs) === JSON.stringify(target.outputs) ? undefined : 'the outputs differ';
}

/** A node with its fields in one order. */
const sorted = ({ id, op, inputs, weightsOf: shared }: Node): unknown => [
  id,
  Object.entries(op).sort(([a], [b]) => (a < b ? -1 : 1)),
  inputs,
  shared,
];
