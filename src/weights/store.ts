/** @file A net as two files: graph.json and weights.safetensors. Here their contents; who has a disk writes them. */
import { MoonletError, within } from '../errors.ts';
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

/** @throws MoonletError when a file is damaged or the two do not belong together; `folder` is where they stand. */
export function unpack({ graphJson, weights }: StoredNet, folder = ''): Net {
  const at = (file: string): string => (folder ? `${folder}/${file}` : file);
  const graph = fromJson(graphJson, at('graph.json'));
  const file = at('weights.safetensors');
  const { tensors } = readSafetensors(weights, file);
  return within(file, () => {
    const found = new Map<WeightKey, Weight>();
    for (const [key, { dtype, shape, data }] of tensors) {
      const [node, slot] = splitKey(key);
      if (!(data instanceof Float32Array)) throw new MoonletError(`"${key}" is ${dtype}; a weight is F32`);
      found.set(`${node}:${slot}`, float(shape, data));
    }
    return net(graph, found);
  });
}
