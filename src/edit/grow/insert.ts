/** @file New nodes put behind a place, with weights that change nothing: zeros, convs that pass channels on, fresh ones. */
import { Refusal } from '../../errors.ts';
import {
  channels,
  check,
  type Graph,
  type Node,
  nodesById,
  type Op,
  type Shape,
  shapes,
} from '../../graph/index.ts';
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
import type { Insertion } from './silent-layers.ts';

/**
 * The graph with new nodes behind a place, and how the old ones follow where their channels are others.
 * @throws Refusal when what reads the place cannot take these.
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
      throw new Refusal(`${id}: it is an output, whose channels would be others`);
  }
  const read = [...moved.weights.values()].some(({ input }) => input?.some(isNew));
  if (map.some(isNew) && !read) throw new Refusal(`${place.id}: nothing would read the new channels`);
  return { graph: check(moved.graph), moved };
}

/** The net with new nodes behind a place. */
export function insert(net: Net, place: Node, made: Insertion, seed: number): Growth {
  const { graph, moved } = insertIn(net.graph, place, made);
  const added = new Set(made.nodes.map((n) => n.id));
  const isNewNode = (node: string): boolean => !net.graph.nodes.some((n) => n.id === node);
  const fresh = init(moved ? graph : alone(graph, added), { seed }).weights;
  const [isZero, isDirac] = [new Set(made.zeros), new Set(made.diracs)];
  const byId = nodesById(graph);
  const weights = new Map<WeightKey, Weight>();
  const before = new Map(entries(net.graph).map((e) => [e.key, e]));
  for (const { key, node, slot, shape } of entries(graph)) {
    const [old, source] = [net.weights.get(key), before.get(key)];
    const usual = fresh.get(key);
    if (old && source) {
      const follow = moved?.weights.get(node);
      if (!follow) weights.set(key, old);
      else {
        const data = mapWeight(
          materialize(old),
          source.shape,
          slot,
          follow,
          shape,
          undefined,
          usual && materialize(usual),
        );
        weights.set(key, float(shape, data));
      }
      continue;
    }
    const drawn = materialize(usual as Weight);
    if (isZero.has(node) && slot !== 'mean' && slot !== 'variance')
      weights.set(key, float(shape, new Float32Array(drawn.length)));
    else if (isDirac.has(node))
      weights.set(key, float(shape, diracWeight(byId.get(node)?.op as Op, slot, shape, drawn)));
    else weights.set(key, float(shape, drawn));
  }
  const shapeOf = new Map(entries(graph).map((e) => [e.key, e.shape]));
  return {
    net: { graph, weights },
    maps: moved?.maps ?? identityMaps(net.graph),
    added: graph.nodes.flatMap((n) => (isNewNode(n.id) ? [n.id] : [])),
    preserves: made.preserves,
    follow: (key, array) => {
      const source = before.get(key);
      const follow = source && moved?.weights.get(source.node);
      return source && follow
        ? mapWeight(array, source.shape, source.slot, follow, shapeOf.get(key) as readonly number[])
        : source && array;
    },
    back: (grown) =>
      moved
        ? backFrom(net.graph, moved.weights, grown)
        : { graph: net.graph, weights: picked(net.graph, grown) },
  };
}

/** Some nodes of a graph, and inputs for what they read: weights are drawn by path, so they are those of the whole. */
function alone(graph: Graph, some: ReadonlySet<string>): Graph {
  const shapeById = shapes(graph);
  const own = graph.nodes.filter((n) => some.has(n.id));
  const read = new Set(own.flatMap((n) => n.inputs.filter((id) => !some.has(id))));
  const inputs = [...read].map(
    (id): Node => ({ id, op: { kind: 'input', shape: shapeById.get(id) as Shape }, inputs: [] }),
  );
  return { ...graph, nodes: [...inputs, ...own] };
}

/** Everything that read the place now reads the last of the new nodes. */
function insertBehind(graph: Graph, place: Node, fresh: readonly Node[]): Graph {
  const last = fresh.at(-1)?.id as string;
  const turned = (id: string): string => (id === place.id ? last : id);
  const nodes = graph.nodes.flatMap((node): Node[] => {
    const moved = node.id === place.id ? node : { ...node, inputs: node.inputs.map(turned) };
    return node.id === place.id ? [moved, ...fresh] : [moved];
  });
  return { ...graph, nodes, outputs: graph.outputs.map(turned) };
}

/** Ones in the middle of a kernel; a norm's scale that makes up for its eps: gamma = sqrt(1 + eps). */
function diracWeight(op: Op, slot: string, shape: readonly number[], usual: Float32Array): Float32Array {
  if (op.kind === 'norm')
    return slot === 'gamma' ? new Float32Array(usual.length).fill(Math.sqrt(1 + op.eps)) : usual;
  if (slot !== 'kernel') return new Float32Array(usual.length);
  const [kh, kw, i, o] = shape as readonly [number, number, number, number];
  const kernel = new Float32Array(usual.length);
  const centre = ((kh - 1) >> 1) * kw + ((kw - 1) >> 1);
  for (let j = 0; j < o; j++) kernel[(centre * i + (j % i)) * o + j] = 1;
  return kernel;
}
