/**
 * @file Inserts new nodes after a node, with weights that preserve the function: zeros, identity convs, newly
 * initialized weights.
 */

import { get, item } from '../../access.ts';
import { Refusal } from '../../errors.ts';
import { channels, check, type Graph, type Node, nodesById, type Op, shapes } from '../../graph/index.ts';
import {
  entries,
  float,
  init,
  materialize,
  type Net,
  type Weight,
  type WeightKey,
} from '../../weights/index.ts';
import { isNew } from '../channels/channel-map.ts';
import { type Growth, identityMaps, picked } from '../channels/growth.ts';
import { mapWeight } from '../channels/map-weight.ts';
import { backFrom } from '../channels/narrow.ts';
import { byCopies, type Replicated, replicate } from '../channels/replicate.ts';
import { matrixOf } from '../lookup.ts';
import type { Insertion } from './silent-layers.ts';

/**
 * The graph with new nodes behind a place, and how the old nodes follow where the channels that they read have changed.
 * @throws Refusal when what reads the place cannot take the new channels.
 */
export function insertIn(
  graph: Graph,
  place: Node,
  { nodes, map }: Insertion,
): { readonly graph: Graph; readonly moved?: Replicated } {
  if (!map) return { graph: check(insertBehind(graph, place, nodes)) };
  const moved = replicate(graph, channels(graph), byCopies(new Map()), { place: place.id, nodes, map });
  for (const id of graph.outputs) {
    if (moved.maps.get(id)?.some((old, i) => old !== i))
      throw new Refusal(`${id}: it is an output, and its channels would change`);
  }
  const read = [...moved.weights.values()].some(({ input }) => input?.some(isNew));
  if (map.some(isNew) && !read) throw new Refusal(`${place.id}: nothing would read the new channels`);
  return { graph: check(moved.graph), moved };
}

/** The net with new nodes behind a place. @throws as `insertIn` does. */
export function insert(net: Net, place: Node, insertion: Insertion, seed: number): Growth {
  const { graph, moved } = insertIn(net.graph, place, insertion);
  const before = new Map(entries(net.graph).map((e) => [e.key, e]));
  const shapeOf = new Map(entries(graph).map((e) => [e.key, e.shape]));
  const old = nodesById(net.graph);
  return {
    net: { graph, weights: weightsWith(net, graph, insertion, moved, seed) },
    maps: moved?.maps ?? identityMaps(net.graph),
    added: graph.nodes.flatMap((n) => (old.has(n.id) ? [] : [n.id])),
    preserves: insertion.preserves,
    follow: (key, array) => {
      const source = before.get(key);
      const follow = source && moved?.weights.get(source.node);
      return source && follow
        ? mapWeight(array, source.shape, source.slot, follow, get(shapeOf, key))
        : source && array;
    },
    back: (grown) =>
      moved
        ? backFrom(net.graph, moved.weights, grown)
        : { graph: net.graph, weights: picked(net.graph, grown) },
  };
}

/** Old weights, following their channels where these have moved, and those of the new nodes. */
function weightsWith(
  net: Net,
  graph: Graph,
  { nodes, zeros, diracs }: Insertion,
  moved: Replicated | undefined,
  seed: number,
): ReadonlyMap<WeightKey, Weight> {
  const added = new Set(nodes.map((n) => n.id));
  const fresh = init(moved ? graph : alone(graph, added), { seed }).weights;
  const before = new Map(entries(net.graph).map((e) => [e.key, e]));
  const [isZero, isDirac] = [new Set(zeros), new Set(diracs)];
  const byId = nodesById(graph);
  const weights = new Map<WeightKey, Weight>();
  for (const { key, node, slot, shape } of entries(graph)) {
    const [old, source] = [net.weights.get(key), before.get(key)];
    if (old && source) {
      const follow = moved?.weights.get(node);
      const usual = fresh.get(key);
      const drawn = usual && materialize(usual);
      const data = follow && mapWeight(materialize(old), source.shape, slot, follow, shape, undefined, drawn);
      weights.set(key, data ? float(shape, data) : old);
      continue;
    }
    const drawn = materialize(get(fresh, key));
    if (isZero.has(node) && slot !== 'mean' && slot !== 'variance')
      weights.set(key, float(shape, new Float32Array(drawn.length)));
    else if (isDirac.has(node))
      weights.set(key, float(shape, diracWeight(get(byId, node).op, slot, shape, drawn)));
    else weights.set(key, float(shape, drawn));
  }
  return weights;
}

/** Some nodes of a graph, and inputs for what they read. Weights are drawn by path, and so are those of the whole graph. */
function alone(graph: Graph, some: ReadonlySet<string>): Graph {
  const shapeById = shapes(graph);
  const own = graph.nodes.filter((n) => some.has(n.id));
  const read = new Set(own.flatMap((n) => n.inputs.filter((id) => !some.has(id))));
  const inputs = [...read].map(
    (id): Node => ({ id, op: { kind: 'input', shape: get(shapeById, id) }, inputs: [] }),
  );
  return { ...graph, nodes: [...inputs, ...own] };
}

/** The graph in which everything that read the place reads the last of the new nodes. */
function insertBehind(graph: Graph, place: Node, fresh: readonly Node[]): Graph {
  const last = item(fresh, -1).id;
  const redirected = (id: string): string => (id === place.id ? last : id);
  const nodes = graph.nodes.flatMap((node): readonly Node[] =>
    node.id === place.id ? [node, ...fresh] : [{ ...node, inputs: node.inputs.map(redirected) }],
  );
  return { ...graph, nodes, outputs: graph.outputs.map(redirected) };
}

/** Ones in the middle of a kernel; a norm's scale that compensates its eps: gamma = sqrt(1 + eps). */
function diracWeight(op: Op, slot: string, shape: readonly number[], usual: Float32Array): Float32Array {
  if (op.kind === 'norm')
    return slot === 'gamma' ? new Float32Array(usual.length).fill(Math.sqrt(1 + op.eps)) : usual;
  if (slot !== 'kernel') return new Float32Array(usual.length);
  const [kh = 1, kw = 1] = shape;
  const [rows, columns] = matrixOf(shape);
  const kernel = new Float32Array(usual.length);
  const centre = ((kh - 1) >> 1) * kw + ((kw - 1) >> 1);
  for (let j = 0; j < columns; j++) kernel[(centre * rows + (j % rows)) * columns + j] = 1;
  return kernel;
}
