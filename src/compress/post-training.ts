/** @file Quantization after training, the whole way: equalize, calibrate, round, correct the biases. */
import { foldNorms } from '../edit/fold.ts';
import {
  checkUnrounded,
  correctBias,
  equalize,
  type QuantizeOptions,
  quantize,
} from '../edit/quantize/index.ts';
import type { Net } from '../weights/index.ts';
import { type CalibrateOptions, calibrate } from './calibrate.ts';

export interface PostTrainingOptions extends Omit<QuantizeOptions, 'ranges'>, Omit<CalibrateOptions, 'bits'> {
  /** Cross-layer equalization first; false unless told, since scales of their own for each channel need it little. */
  readonly equalize?: boolean;
  /** Correct biases by the means that were seen; true unless told. */
  readonly correct?: boolean;
}

/**
 * An integer net from a trained one and some batches of examples, [n, ...input] flat. Its ONNX form (`toOnnx`) carries
 * QuantizeLinear and DequantizeLinear nodes, which onnxruntime runs as integers.
 * @throws MoonletError when there is no example, Refusal when its values are rounded already.
 */
export async function quantizeByData(
  net: Net,
  batches: readonly Float32Array[],
  o: PostTrainingOptions = {},
): Promise<Net> {
  checkUnrounded(net.graph, o.activations ?? 8, o.outputs ?? false);
  const folded = o.equalize ? equalize(net) : foldNorms(net);
  const found = await calibrate(folded, batches, { ...o, bits: o.activations ?? 8 });
  const rounded = quantize(folded, { ...o, ranges: found.ranges });
  return o.correct === false ? rounded : correctBias(rounded, folded, found.means);
}
