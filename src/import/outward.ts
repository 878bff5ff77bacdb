/** @file The other way: a net's weights under the names and in the layouts of another library, by the rules that read them. */
import { item } from '../access.ts';
import { type Graph, type Pair, relativePlaces } from '../graph/index.ts';
import { materialize, type Net, type RawTensor } from '../weights/index.ts';
import { adapt } from './adapt.ts';
import { expected, transposed } from './expect.ts';
import { archOf, type Source } from './names/index.ts';

/** The graph as the library computes it, for comparison with one that is to be written. */
export const asLibrary = (graph: Graph, source: Source): Graph => adapt(graph, source).graph;

/**
 * Every tensor that PyTorch's state dict of the net has, by its name: float32 in the library's layout (convs [out, in, h, w],
 * dense layers [out, in]), the counters of batches of the norms (int64, 0), and the places of distances of `efficientformer` (int64).
 */
export function torchTensors(
  { graph, weights }: Net,
  source: 'timm' | 'timm-tf' | 'torchvision',
): ReadonlyMap<string, RawTensor> {
  const tensors = new Map<string, RawTensor>();
  for (const { key, slot, shape, name, foreignShape, order, part } of expected(
    graph,
    source,
    'safetensors',
  )) {
    const weight = weights.get(key);
    if (!weight) throw new Error(`internal: ${graph.name} has no ${key}`);
    const whole = materialize(weight);
    const size = foreignShape.reduce((n, d) => n * d, 1);
    const values = part === undefined ? whole : whole.slice(part * size, (part + 1) * size);
    const theirs = order ? transposed(values, shape, inverse(order)) : values;
    const bytes = new Uint8Array(theirs.buffer, theirs.byteOffset, theirs.byteLength);
    tensors.set(name, { dtype: 'F32', shape: foreignShape, bytes });
    if (slot === 'variance')
      tensors.set(name.replace(/running_var$/, 'num_batches_tracked'), {
        dtype: 'I64',
        shape: [],
        bytes: new Uint8Array(8),
      });
  }
  // places in the tables of distances, which this family of timm's keeps in its state dicts
  if (archOf(graph) === 'efficientformer')
    for (const { name, shape } of expected(graph, source, 'safetensors'))
      if (name.endsWith('.attention_biases'))
        tensors.set(name.replace(/biases$/, 'bias_idxs'), placesOf([item(shape, 0), item(shape, 1)]));
  return tensors;
}

/** For each two places of a map, the place of their distance in the table; int64. */
function placesOf(map: Pair): RawTensor {
  const places = BigInt64Array.from(relativePlaces({ inQuery: map, inKey: map }), BigInt);
  const count = map[0] * map[1];
  return { dtype: 'I64', shape: [count, count], bytes: new Uint8Array(places.buffer) };
}

/** Where ours has axis order[i] of the file's as axis i, the file's has axis inverse[j] of ours as axis j. */
const inverse = (order: readonly number[]): readonly number[] =>
  order.map((_, axis) =>
    item(
      [...order.keys()].filter((i) => order[i] === axis),
      0,
    ),
  );
