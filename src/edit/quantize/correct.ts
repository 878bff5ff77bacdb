/**
 * @file Bias correction. Nagel et al. 2019, arXiv:1906.04721, section 4.2: a kernel's rounding error e shifts the mean of
 * the layer's output by e E[x], which its bias takes back:  b' = b - sum over taps and inputs of (W' - W) E[x].
 */
import { channelsOf, type Shape, shapes } from '../../graph/index.ts';
import { biasSteps } from '../../read/onnx-integer.ts';
import { float, materialize, type Net, net, type Weight, type WeightKey } from '../../weights/index.ts';
import { layersOf } from './quantize.ts';

/**
 * The quantized net with corrected biases. `before` is the same net, folded but not quantized; `means` are the means of
 * each of its values by channel, [channels], by node id. Layers without a bias stay as they are.
 */
export function correctBias(rounded: Net, before: Net, means: ReadonlyMap<string, Float32Array>): Net {
  const shapeById = shapes(before.graph);
  const byId = new Map(rounded.graph.nodes.map((n) => [n.id, n]));
  const weights = new Map<WeightKey, Weight>(rounded.weights);
  for (const layer of layersOf(before.graph)) {
    const [read = ''] = layer.inputs;
    const mean = means.get(read);
    const bias = weights.get(`${layer.id}:bias`);
    const [was, now] = [before.weights, rounded.weights].map((w) => w.get(`${layer.id}:kernel`));
    if (!mean || !bias || !was || !now) continue;
    const groups = layer.op.kind === 'conv' ? layer.op.groups : 1;
    const inputs = channelsOf(shapeById.get(read) as Shape) / groups; // of one group
    const outputs = was.shape.at(-1) as number;
    const shift = new Float64Array(outputs);
    const [old, fresh] = [materialize(was), materialize(now)];
    fresh.forEach((v, p) => {
      const o = p % outputs;
      const group = Math.floor((o * groups) / outputs);
      const i = (Math.floor(p / outputs) % inputs) + group * inputs;
      shift[o] = (shift[o] as number) + (v - (old[p] as number)) * (mean[i] as number);
    });
    const source = byId.get(byId.get(layer.id)?.inputs[0] ?? '')?.op;
    const steps =
      source?.kind === 'quantize' && 'scales' in now ? biasSteps(source.scale, now.scales) : undefined;
    const onStep = (v: number, o: number): number => {
      const step = steps?.[o % steps.length];
      return step ? Math.round(v / step) * step : v;
    };
    const data = materialize(bias).map((b, o) => onStep(b - (shift[o] as number), o));
    weights.set(`${layer.id}:bias`, float(bias.shape, data));
  }
  return net(rounded.graph, weights);
}
