/**
 * @file Bias correction. Nagel et al. 2019, arXiv:1906.04721, section 4.2: a kernel's rounding error e shifts the mean of
 * the layer's output by e E[x]. The bias corrects the shift:  b' = b - sum over taps and inputs of (W' - W) E[x].
 */
import { get, item } from '../../access.ts';
import { channelsOf, nodesById, shapes } from '../../graph/index.ts';
import { biasSteps } from '../../read/onnx-integer.ts';
import { float, materialize, type Net, net, type Weight, type WeightKey } from '../../weights/index.ts';
import { layersOf } from './layers.ts';

/**
 * Corrects the biases of a quantized net for the mean rounding error of its kernels. `before` is the same net with norms
 * folded (see `foldNorms`), not quantized. `means` holds, by node id, the mean of each of its values by channel, [channels];
 * `calibrate` of moonlet/compress finds them. Layers without a bias stay as they are.
 *
 * @throws MoonletError when the two nets do not fit together.
 * @example
 * import { correctBias, foldNorms, graph, init, input, quantize } from 'moonlet';
 * const net = foldNorms(init(graph('tiny', input(8, 8, 1).conv(8, { kernel: 3 }).norm().relu().globalPool().dense(4))));
 * const rounded = quantize(net, { weights: 4 });
 * correctBias(rounded, net, new Map([['input', Float32Array.of(0.5)]])).graph === rounded.graph; // true
 */
export function correctBias(rounded: Net, before: Net, means: ReadonlyMap<string, Float32Array>): Net {
  const shapeById = shapes(before.graph);
  const byId = nodesById(rounded.graph);
  const weights = new Map<WeightKey, Weight>(rounded.weights);
  for (const layer of layersOf(before.graph)) {
    const [read = ''] = layer.inputs;
    const mean = means.get(read);
    const bias = weights.get(`${layer.id}:bias`);
    const [was, now] = [before.weights, rounded.weights].map((w) => w.get(`${layer.id}:kernel`));
    if (!mean || !bias || !was || !now) continue;
    const groups = layer.op.kind === 'conv' ? layer.op.groups : 1;
    const inputs = channelsOf(get(shapeById, read)) / groups; // of one group
    const outputs = item(was.shape, -1);
    const shift = new Float64Array(outputs);
    const [old, fresh] = [materialize(was), materialize(now)];
    fresh.forEach((v, p) => {
      const o = p % outputs;
      const group = Math.floor((o * groups) / outputs);
      const i = (Math.floor(p / outputs) % inputs) + group * inputs;
      shift[o]! += (v - old[p]!) * mean[i]!;
    });
    const source = byId.get(byId.get(layer.id)?.inputs[0] ?? '')?.op;
    const steps =
      source?.kind === 'quantize' && 'scales' in now ? biasSteps(source.scale, now.scales) : undefined;
    const onStep = (v: number, o: number): number => {
      const step = steps?.[o % steps.length];
      return step ? Math.round(v / step) * step : v;
    };
    const data = materialize(bias).map((b, o) => onStep(b - shift[o]!, o));
    weights.set(`${layer.id}:bias`, float(bias.shape, data));
  }
  return net(rounded.graph, weights);
}
