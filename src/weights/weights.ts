/**
 * @file The weights of a net, stored separately from its graph under the path of their node: 'stage1/0/conv:kernel'.
 */
import { cut, MoonletError, quote } from '../errors.ts';
import {
  type Graph,
  inputShapes,
  isStatistic,
  printShape,
  type Slot,
  shapes,
  slots,
  weightShapes,
} from '../graph/index.ts';
import { bytesOfWeight, type FloatWeight, faultOf, type Weight } from './encodings.ts';

export type WeightKey = `${string}:${Slot}`;
export type Weights = ReadonlyMap<WeightKey, Weight>;
/** A network that runs: its graph and its weights. */
export interface Net {
  readonly graph: Graph;
  readonly weights: Weights;
}

/** A plain float32 weight. */
export const float = (shape: readonly number[], data: Float32Array): FloatWeight => ({
  encoding: 'float32',
  shape,
  data,
});

/** Bytes that the weights take as they are stored, encodings included. */
export const bytesOf = (net: Net): number =>
  [...net.weights.values()].reduce((n, w) => n + bytesOfWeight(w), 0);

export interface Entry {
  readonly key: WeightKey;
  readonly node: string;
  readonly slot: Slot;
  readonly shape: readonly number[];
  /** Trained by gradients; false for running statistics. */
  readonly trained: boolean;
}

/** What a graph needs to be a net, in node order. Nodes that share weights add nothing. */
export function entries(graph: Graph): readonly Entry[] {
  const shapeById = shapes(graph);
  return graph.nodes.flatMap((node) => {
    if (node.weightsOf) return [];
    return weightShapes(node.op, inputShapes(node, shapeById)).map(
      ([slot, shape]): Entry => ({
        key: `${node.id}:${slot}`,
        node: node.id,
        slot,
        shape,
        trained: !isStatistic(slot),
      }),
    );
  });
}

/**
 * Joins a graph and its weights to a net, after checking that every weight that the graph needs is there in its shape,
 * and no other.
 * @throws MoonletError that names the first weight that is missing, misshapen or not needed.
 */
export function net(graph: Graph, weights: Weights): Net {
  const needed = entries(graph);
  for (const { key, shape } of needed) {
    const weight = weights.get(key);
    if (!weight)
      throw new MoonletError(
        `${cut(graph.name, 200)}: the weight ${quote(key)} ${printShape(shape)} is missing`,
      );
    if (printShape(weight.shape) !== printShape(shape)) {
      throw new MoonletError(
        `${cut(graph.name, 200)}: the weight ${quote(key)} has shape ${printShape(weight.shape)}; the graph needs ${printShape(shape)}`,
      );
    }
    const fault = faultOf(weight);
    if (fault)
      throw new MoonletError(
        `${cut(graph.name, 200)}: the weight ${quote(key)} of shape ${printShape(shape)} ${fault}`,
      );
  }
  if (weights.size > needed.length) {
    const known = new Set<string>(needed.map((e) => e.key));
    const stray = [...weights.keys()].find((key) => !known.has(key));
    throw new MoonletError(
      `${cut(graph.name, 200)}: the graph has no weight ${quote(stray ?? '')}; are these the weights of another graph?`,
    );
  }
  return { graph, weights };
}

/** Split 'a/b:kernel' into node and slot. @throws MoonletError for another form. */
export function splitKey(key: string): readonly [node: string, slot: Slot] {
  const at = key.lastIndexOf(':');
  const slot = slots.find((s) => s === key.slice(at + 1));
  if (at < 1 || !slot)
    throw new MoonletError(`${quote(key)} is not a weight's name, such as stage1/0/conv:kernel`);
  return [key.slice(0, at), slot];
}
