/** @file Quantization after training, the whole way: even ranges, calibrate, round, correct the biases. */
import { foldNorms } from '../edit/fold/norms.ts';
import {
  checkUnrounded,
  correctBias,
  equalize,
  evenChannels,
  type QuantizeOptions,
  quantize,
} from '../edit/quantize/index.ts';
import { UsageError } from '../errors.ts';
import { inputShape } from '../graph/index.ts';
import type { Net } from '../weights/index.ts';
import { type CalibrateOptions, calibrate } from './calibrate.ts';
import type { Rounding } from './choices.ts';
import { inputMoments } from './moments.ts';
import { sensitivities, withoutRoundings } from './sensitivity.ts';

export interface PostTrainingOptions
  extends Omit<QuantizeOptions, 'ranges' | 'moments'>,
    Omit<CalibrateOptions, 'bits'> {
  /** Cross-layer equalization of kernels first; false by default, since scales of each channel need it little. */
  readonly equalize?: boolean;
  /** Even out the ranges of channels first, so that one step suits all of a tensor; false by default. */
  readonly even?: boolean;
  /** `nearest` by default. */
  readonly round?: Rounding;
  /** So many values stay in floats: those whose rounding alone costs most. The layers that read them run in floats. 0 by default. */
  readonly unrounded?: number;
  /** Correct biases by the means that were seen; true by default. */
  readonly correct?: boolean;
}

/** Examples by which sensitive values are found: enough to rank them. */
const rankingExamples = 8;

/**
 * An integer net from a trained one and some batches of examples, [n, ...input] flat. Its ONNX form (`toOnnx`) carries
 * QuantizeLinear and DequantizeLinear nodes, which onnxruntime runs as integers, with the same numbers on every processor.
 * @throws MoonletError when there is no example, Refusal when its values are rounded already.
 */
export async function quantizeByData(
  net: Net,
  batches: readonly Float32Array[],
  o: PostTrainingOptions = {},
): Promise<Net> {
  const { activations = 8, outputs = false, unrounded = 0, round = 'nearest' } = o;
  if (!Number.isInteger(unrounded) || unrounded < 0)
    throw new UsageError(`quantize: unrounded must be a whole number from 0 up, got ${unrounded}`);
  checkUnrounded(net.graph, activations, outputs);
  const folded = o.equalize ? equalize(net) : foldNorms(net);
  const even = o.even
    ? evenChannels(folded, (await calibrate(folded, batches, { ...engineOf(o), outputs })).largest)
    : folded;
  const found = await calibrate(even, batches, { ...o, bits: activations });
  const moments = round === 'feedback' ? { moments: await inputMoments(even, batches, engineOf(o)) } : {};
  const rounded = quantize(even, { ...o, ...moments, ranges: found.ranges });
  const corrected =
    o.correct === false || round === 'feedback' ? rounded : correctBias(rounded, even, found.means);
  if (!unrounded) return corrected;
  const x = firstOf(batches, rankingExamples * inputShape(net.graph).reduce((n, d) => n * d, 1));
  const worst = await sensitivities(even, corrected.graph, x, engineOf(o));
  const ids = new Set(worst.slice(0, unrounded).map((s) => s.id));
  return { ...corrected, graph: withoutRoundings(corrected.graph, ids) };
}

const engineOf = ({ engine, threads, runtime }: PostTrainingOptions) => ({
  ...(engine ? { engine } : {}),
  ...(threads ? { threads } : {}),
  ...(runtime ? { runtime } : {}),
});

/** So many numbers, spread over the batches. */
function firstOf(batches: readonly Float32Array[], length: number): Float32Array {
  const total = batches.reduce((n, b) => n + b.length, 0);
  const all = new Float32Array(Math.min(length, total));
  let at = 0;
  for (const b of batches) {
    const part = b.subarray(0, Math.min(b.length, all.length - at));
    all.set(part, at);
    at += part.length;
  }
  return all;
}
