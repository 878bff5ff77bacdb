/** @file A net as two files: graph.json and weights.safetensors. Here their contents; who has a disk writes them. */
import { MoonletError } from '../errors.ts';
import { fromJson, type Graph, toJson } from '../graph/index.ts';
import { readSafetensors, type StoredTensor, writeSafetensors } from './safetensors.ts';
import {
  entries,
  float,
  materialize,
  type Net,
  net,
  splitKey,
  type Weight,
  type WeightKey,
  type Weights,
} from './weights.ts';

export interface StoredNet {
  readonly graphJson: string;
  readonly weights: Uint8Array;
}

/** Weights in the graph's own order: the same net gives the same bytes. */
export function packWeights(graph: Graph, weights: Weights): Uint8Array {
  const tensors = new Map<string, StoredTensor>();
  for (const { key, shape } of entries(graph)) {
    const weight = weights.get(key);
    if (!weight) throw new MoonletError(`${graph.name}: the weight "${key}" is missing`);
    tensors.set(key, { dtype: 'F32', shape, data: materialize(weight) });
  }
  return writeSafetensors({ tensors, metadata: { format: 'moonlet-weights' } });
}

export const pack = ({ graph, weights }: Net): StoredNet => ({
  graphJson: toJson(graph),
  weights: packWeights(graph, weights),
});

/** @throws MoonletError when a file is damaged or the two do not belong together; `name` says where they come from. */
export function unpack({ graphJson, weights }: StoredNet, name = 'weights'): Net {
  const graph = fromJson(graphJson);
  const found = new Map<WeightKey, Weight>();
  for (const [key, { dtype, shape, data }] of readSafetensors(weights, name).tensors) {
    const [node, slot] = splitKey(key);
    if (!(data instanceof Float32Array))
      throw new MoonletError(`${name}: "${key}" is ${dtype}; a weight is F32`);
    found.set(`${node}:${slot}`, float(shape, data));
  }
  return net(graph, found);
}
