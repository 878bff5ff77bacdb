/**
 * @file Growth to a given graph: finds the Net2Net steps (deeper stages, larger kernels, wider layers) that lead from a net to a graph,
 * such as from one width of an architecture to another. Chen, Goodfellow and Shlens, ICLR 2016, arXiv:1511.05641.
 */
import { Refusal } from '../../errors.ts';
import { type Graph, type Node, stages } from '../../graph/index.ts';
import { entries, type Net, type WeightKey } from '../../weights/index.ts';
import { type Growth, inSequence } from '../channels/growth.ts';
import { checkNet } from '../options.ts';
import { deepen } from './deepen.ts';
import { enlarge } from './enlarge.ts';
import { widen } from './widen.ts';

/**
 * Grow a net to a graph that has the same paths: stages get more blocks, convs larger kernels and layers more channels, and the function
 * is preserved. What comes out is compared with the graph, node by node.
 * @throws Refusal with the first node that growth cannot make: a smaller width, another stride, a block that is not like its stage's.
 * @example
 * import { growTo, init, verifyCertificate } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * const net = init(wrn({ depth: 10, width: 1, size: 16 }));
 * const grown = growTo(net, wrn({ depth: 16, width: 2, size: 16 }));
 * console.log(grown.net.graph.name); // wrn depth=16 width=2 size=16
 * console.log(verifyCertificate(net, grown.net, grown.maps)); // []
 */
export function growTo(net: Net, target: Graph, o: { readonly seed?: number } = {}): Growth {
  checkNet('growTo', net);
  const seed = o.seed ?? 0;
  const done: Growth[] = [];
  const now = (): Net => done.at(-1)?.net ?? net;
  for (const [stage, blocks] of blocksToAdd(net.graph, target))
    done.push(deepen(now(), stage, blocks, { seed: seed + done.length }));
  for (const [id, size] of kernelsToEnlarge(now().graph, target)) done.push(enlarge(now(), id, size));
  const widths = widthsToReach(now().graph, target);
  if (Object.keys(widths).length) done.push(widen(now(), widths, { seed: seed + done.length }));
  const grown = now();
  const difference = firstDifference(grown.graph, target);
  if (difference !== undefined)
    throw new Refusal(`growTo: ${net.graph.name} does not grow to ${target.name}: ${difference}`);
  const same: Growth = widen(grown, {}, { seed });
  const [first = same, ...more] = done;
  const growth = inSequence([first, ...more]);
  return { ...growth, net: { graph: target, weights: weightsOf(target, grown) } };
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

/** How many blocks `stage2/0`, `stage2/1`, ... each stage has. */
function blockCounts(graph: Graph): ReadonlyMap<string, number> {
  const blocks = new Map<string, Set<string>>();
  const names = new Set(stages(graph).map(({ name }) => name));
  for (const { id } of graph.nodes) {
    const [stage = '', block = ''] = id.split('/');
    if (names.has(stage) && /^\d+$/.test(block))
      blocks.set(stage, (blocks.get(stage) ?? new Set()).add(block));
  }
  return new Map([...blocks].map(([stage, set]) => [stage, set.size]));
}

function blocksToAdd(graph: Graph, target: Graph): readonly (readonly [string, number])[] {
  const [before, after] = [blockCounts(graph), blockCounts(target)];
  return [...before].flatMap(([stage, count]) => {
    const more = (after.get(stage) ?? 0) - count;
    return more > 0 ? [[stage, more] as const] : [];
  });
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
