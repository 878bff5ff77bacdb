/** @file The biases of integer layers: on the steps of the sums that they are added to, and without the mean rounding error. */
import { get } from '../../access.ts';
import { firstInput, nodesById, shapes } from '../../graph/index.ts';
import { integerNorm, integerNorms } from '../../read/integer-norm.ts';
import { normAffine } from '../../read/norm-affine.ts';
import { biasSteps } from '../../read/onnx-integer.ts';
import {
  dense,
  type FloatWeight,
  float,
  materialize,
  type Net,
  net as netOf,
  type Weight,
} from '../../weights/index.ts';
import type { Moments } from './feedback.ts';
import { layersOf } from './layers.ts';

/** A bias rounded to the step of the int32 accumulator that it is added to. */
export const toSteps = (bias: Float32Array, steps: Float32Array): Float32Array =>
  bias.map((v, c) => {
    const step = steps[c % steps.length]!;
    return Math.round(v / step) * step;
  });

/** The offsets of norms that integer nets compute with codes, on the steps of their sums. */
export function normsOnSteps({ graph, weights }: Net): Net {
  const found = new Map(weights);
  const byId = nodesById(graph);
  const lent = new Set(graph.nodes.flatMap((n) => n.weightsOf ?? []));
  for (const [id, read] of integerNorms(graph, shapes(graph))) {
    const { op, weightsOf } = get(byId, id);
    // norms that share weights may read values of other steps: their offsets are rounded in the file alone
    if (op.kind !== 'norm' || weightsOf !== undefined || lent.has(id)) continue;
    const affine = normAffine((slot) => weights.get(`${id}:${slot}`), op.eps);
    const { steps, offsets } = integerNorm(read, affine);
    const sums = biasSteps(read.scale, steps);
    // the offset is beta - mean scale
    const slot = weights.has(`${id}:beta`) ? 'beta' : 'mean';
    const values = materialize(get(weights, `${id}:${slot}`)).map((v, c) => {
      const [scale, apart] = [affine.scale[c]!, offsets[c]! * sums[c]! - affine.offset[c]!];
      return slot === 'beta' ? v + apart : scale ? v - apart / scale : v;
    });
    found.set(`${id}:${slot}`, float([values.length], values));
  }
  return netOf(graph, found);
}

/** The biases of layers that multiply codes, rounded to the steps of their sums, as `quantize` rounds them. */
export function biasesOnSteps({ graph, weights }: Net): Net {
  const byId = nodesById(graph);
  const lent = new Set(graph.nodes.flatMap((n) => n.weightsOf ?? []));
  const found = new Map(weights);
  for (const layer of layersOf(graph)) {
    const source = byId.get(firstInput(layer))?.op;
    const codes = dense(get(weights, `${layer.id}:kernel`));
    const bias = weights.get(`${layer.id}:bias`);
    if (!bias || lent.has(layer.id) || source?.kind !== 'quantize' || codes?.encoding !== 'quantized')
      continue;
    const steps = biasSteps(source.scale, codes.scales);
    found.set(`${layer.id}:bias`, float(bias.shape, toSteps(materialize(bias), steps)));
  }
  return normsOnSteps(netOf(graph, found));
}

/** b - sum over k of (code value - kernel) E[x_k]. */
export function withoutMeanError(
  bias: Float32Array,
  kernel: FloatWeight,
  codes: Weight,
  moments: readonly Moments[],
): Float32Array {
  const channels = bias.length;
  const each = channels / moments.length;
  const shift = new Float64Array(channels);
  materialize(codes).forEach((v, p) => {
    const c = p % channels;
    const mean = moments[Math.floor(c / each)]!.mean[Math.floor(p / channels)]!;
    shift[c]! += (v - kernel.data[p]!) * mean;
  });
  return bias.map((b, c) => b - shift[c]!);
}
