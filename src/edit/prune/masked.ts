/**
 * @file The masked net: the kernels that read removed channels have zeros there. What these channels hold no longer
 * matters, not even biases, offsets and activations with f(0) != 0. The pruned net must compute the same (law 5).
 */
import { get, item } from '../../access.ts';
import { type Channels, firstInput, groupsOf, isLinear, mixesChannels } from '../../graph/index.ts';
import { float, materialize, type Net, type Weight, type WeightKey } from '../../weights/index.ts';

/** The same graph with zeros in the kernel rows that would read these classes of channels. */
export function masked(net: Net, all: Channels, gone: ReadonlySet<number>): Net {
  const weights = new Map<WeightKey, Weight>(net.weights);
  for (const node of net.graph.nodes) {
    const { id, op, weightsOf } = node;
    if (weightsOf !== undefined || !isLinear(op)) continue;
    const read = get(all.of, firstInput(node));
    if (!mixesChannels(op, read.length)) continue;
    const weight = get(net.weights, `${id}:kernel`);
    const [rows, out] = [item(weight.shape, -2), item(weight.shape, -1)];
    const groups = groupsOf(op);
    const data = materialize(weight).slice();
    const columns = out / groups;
    for (let row = 0; row < data.length / out; row++) {
      for (let group = 0; group < groups; group++) {
        const from = row * out + group * columns;
        if (gone.has(read[group * rows + (row % rows)]!)) data.fill(0, from, from + columns);
      }
    }
    weights.set(`${id}:kernel`, float(weight.shape, data));
  }
  return { graph: net.graph, weights };
}
