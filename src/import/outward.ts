/** @file The other way: a net's weights under the names and in the layouts of another library, by the rules that read them. */
import { item } from '../access.ts';
import type { Graph } from '../graph/index.ts';
import { materialize, type Net, type RawTensor } from '../weights/index.ts';
import { adapt } from './adapt.ts';
import { expected, transposed } from './expect.ts';
import type { Source } from './names/index.ts';

/** The graph as the library computes it, for comparison with one that is to be written. */
export const asLibrary = (graph: Graph, source: Source): Graph => adapt(graph, source).graph;

/**
 * Every tensor that PyTorch's state dict of the net has, by its name: float32 in the library's layout (convs [out, in, h, w],
 * dense layers [out, in]), and the counters of batches of the norms (int64, 0).
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
  return tensors;
}

/** Where ours has axis order[i] of the file's as axis i, the file's has axis inverse[j] of ours as axis j. */
const inverse = (order: readonly number[]): readonly number[] =>
  order.map((_, axis) =>
    item(
      [...order.keys()].filter((i) => order[i] === axis),
      0,
    ),
  );
