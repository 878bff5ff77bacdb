/**
 * @file A mask as a net: channels whose contributions are zero. No conv or dense layer reads them any more, whatever
 * their values are, so that biases, offsets and activations with f(0) != 0 do not matter. What is pruned must compute
 * the same (law 5).
 */
import { type Channels, isDepthwise } from '../../graph/index.ts';
import { float, materialize, type Net, type Weight, type WeightKey } from '../../weights/index.ts';

/** The same graph with zeros in the kernel rows that would read these classes of channels. */
export function masked(net: Net, all: Channels, gone: ReadonlySet<number>): Net {
  const weights = new Map<WeightKey, Weight>(net.weights);
  for (const { id, op, inputs, weightsOf } of net.graph.nodes) {
    if (weightsOf !== undefined || (op.kind !== 'conv' && op.kind !== 'dense')) continue;
    const read = all.of.get(inputs[0] as string) as Int32Array;
    if (op.kind === 'conv' && isDepthwise(op, read.length)) continue;
    const weight = net.weights.get(`${id}:kernel`) as Weight;
    const [rows, out] = [weight.shape.at(-2) as number, weight.shape.at(-1) as number];
    const groups = op.kind === 'conv' ? op.groups : 1;
    const data = materialize(weight).map((w, at) => {
      const [j, i] = [at % out, Math.floor(at / out) % rows];
      return gone.has(read[Math.floor((j * groups) / out) * rows + i] as number) ? 0 : w;
    });
    weights.set(`${id}:kernel`, float(weight.shape, data));
  }
  return { graph: net.graph, weights };
}
