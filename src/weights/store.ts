/**
 * @file Stores a net as two files: graph.json and weights.safetensors. Here their contents; who has a disk writes
 * them.
 */
import { cut, MoonletError, quote, within } from '../errors.ts';
import { type Graph, toJson } from '../graph/index.ts';
import { fromJson } from '../graph/json.ts';
import type { Weight } from './encodings.ts';
import { mostBytes, mostHeader, type UnpackOptions } from './limits.ts';
import { readSafetensors, type StoredTensor, writeSafetensors } from './safetensors.ts';
import { type Description, describe, tensorsOf, weightsFrom } from './stored.ts';
import { entries, type Net, net, splitKey, type WeightKey, type Weights } from './weights.ts';

export interface StoredNet {
  readonly graphJson: string;
  readonly weights: Uint8Array;
}

/** Weights in the graph's own order: the same net gives the same bytes. `more` is for `__metadata__`. */
export function packWeights(
  graph: Graph,
  weights: Weights,
  more: Readonly<Record<string, string>> = {},
): Uint8Array {
  const tensors = new Map<string, StoredTensor>();
  const encoded: Record<string, Description> = {};
  for (const { key } of entries(graph)) {
    const weight = weights.get(key);
    if (!weight) throw new MoonletError(`${cut(graph.name, 200)}: the weight ${quote(key)} is missing`);
    for (const [name, tensor] of tensorsOf(key, weight)) tensors.set(name, tensor);
    if (weight.encoding !== 'float32' && weight.encoding !== 'float16') encoded[key] = describe(weight);
  }
  const metadata = {
    ...more,
    format: 'moonlet-weights',
    ...(Object.keys(encoded).length ? { encodings: JSON.stringify(encoded) } : {}),
  };
  return writeSafetensors({ tensors, metadata });
}

/**
 * A net as the content of its two files: graph.json and weights.safetensors. `unpack` reads them back to the same bytes.
 *
 * @param metadata texts that `__metadata__` of the weights carries along; `unpack` does not read them.
 * @throws MoonletError when a weight that the graph needs is missing.
 * @example
 * import { init, pack, unpack } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * const net = init(wrn(), { seed: 1 });
 * const { graphJson, weights } = pack(net); // a text and bytes, to be written where you like
 * unpack({ graphJson, weights }).weights.size === net.weights.size; // true
 */
export const pack = (
  { graph, weights }: Net,
  metadata: Readonly<Record<string, string>> = {},
): StoredNet => ({
  graphJson: toJson(graph),
  weights: packWeights(graph, weights, metadata),
});

/**
 * The net that the content of graph.json and weights.safetensors makes.
 *
 * @param folder the folder of the files, for error messages.
 * @throws MoonletError when a file is damaged, the two do not belong together, or the weights would take more memory than
 * `maxBytes`.
 */
export function unpack(
  { graphJson, weights }: StoredNet,
  folder = '',
  { maxBytes = mostBytes }: UnpackOptions = {},
): Net {
  const pathOf = (file: string): string => (folder ? `${folder}/${file}` : file);
  if (graphJson.length > mostHeader)
    throw new MoonletError(
      `${pathOf('graph.json')}: ${graphJson.length} characters; at most ${mostHeader} are read`,
    );
  const graph = fromJson(graphJson, pathOf('graph.json'));
  const file = pathOf('weights.safetensors');
  const { tensors, metadata } = readSafetensors(weights, file);
  return within(file, () => {
    const found = new Map<WeightKey, Weight>();
    for (const [key, weight] of weightsFrom(tensors, metadata['encodings'], maxBytes)) {
      const [node, slot] = splitKey(key);
      found.set(`${node}:${slot}`, weight);
    }
    return net(graph, found);
  });
}
