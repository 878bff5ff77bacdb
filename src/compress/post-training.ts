/** @file Post-training quantization in all its steps: equalize ranges, calibrate, round, correct biases. */
import { get } from '../access.ts';
import { foldNorms } from '../edit/fold/norms.ts';
import {
  bitsIn,
  checkUnrounded,
  correctBias,
  equalize,
  evenChannels,
  layersOf,
  type Moments,
  type QuantizeOptions,
  quantize,
  scalesOf,
  withoutMeanError,
} from '../edit/quantize/index.ts';
import { UsageError } from '../errors.ts';
import { inputShape } from '../graph/index.ts';
import { float, materialize, type Net } from '../weights/index.ts';
import { roundAdaptively } from './adaptive-rounding.ts';
import { type CalibrateOptions, calibrate } from './calibrate.ts';
import type { Rounding } from './choices.ts';
import { inputMoments } from './moments.ts';
import { sensitivities, withoutRoundings } from './sensitivity.ts';

export interface PostTrainingOptions
  extends Omit<QuantizeOptions, 'ranges' | 'moments'>,
    Omit<CalibrateOptions, 'bits'> {
  /** Equalize kernels across layers first (`equalize`); false by default, since scales for each channel gain little by it. */
  readonly equalize?: boolean;
  /** Scale the channels of each tensor to similar ranges first (`evenChannels`); false by default. */
  readonly even?: boolean;
  /** Round the values between layers too; true by default. Without, only kernels are rounded, with `round` and the bias correction. */
  readonly values?: boolean;
  /** `nearest` by default. */
  readonly round?: Rounding;
  /** The number of values that stay in floats: the most sensitive ones. Layers that read them run in floats. 0 by default. */
  readonly unrounded?: number;
  /** Correct biases for the mean rounding errors (`correctBias`); true by default. */
  readonly correct?: boolean;
}

/** The number of examples by which values are ranked by sensitivity. */
const rankingExamples = 8;

/**
 * Quantizes a trained net to integers, with ranges calibrated on some batches of examples, each [n, ...input] flat. The ONNX
 * form of the result (`toOnnx`) has QuantizeLinear and DequantizeLinear nodes. onnxruntime runs it in integers, with the
 * same results on every processor.
 *
 * @throws UsageError for options out of range; MoonletError when there is no example; Refusal when values are already
 * rounded.
 * @example
 * import { bytesOf, graph, init, input } from 'moonlet';
 * import { quantizeByData } from 'moonlet/compress';
 * const net = init(graph('tiny', input(8, 8, 8).conv(32, { kernel: 3 }).relu().globalPool().dense(4)));
 * const examples = Float32Array.from({ length: 16 * 8 * 8 * 8 }, (_, i) => Math.sin(i));
 * const integers = await quantizeByData(net, [examples]);
 * [bytesOf(net), bytesOf(integers)]; // [9744, 2592]
 */
export async function quantizeByData(
  net: Net,
  batches: readonly Float32Array[],
  o: PostTrainingOptions = {},
): Promise<Net> {
  const { outputs = false, unrounded = 0, round = 'nearest', values = true } = o;
  if (!Number.isInteger(unrounded) || unrounded < 0)
    throw new UsageError(`quantize: unrounded must be a whole number from 0 up, got ${unrounded}`);
  const { activations: bits } = bitsIn(foldNorms(net).graph, o);
  if (values) checkUnrounded(net.graph, bits, outputs);
  const folded = o.equalize ? equalize(net) : foldNorms(net);
  const even = o.even
    ? evenChannels(folded, (await calibrate(folded, batches, { ...engineOf(o), outputs })).largest)
    : folded;
  const { ranges, means } = await calibrate(even, batches, { ...o, bits });
  const isNearest = round === 'nearest';
  const moments = isNearest ? undefined : await inputMoments(even, batches, engineOf(o));
  const inCodes = moments && round === 'adaptive' ? await adaptively(even, moments, o) : even;
  const rounded = quantize(inCodes, { ...o, ...(moments ? { moments } : {}), ...(values ? { ranges } : {}) });
  const corrected = o.correct === false || !isNearest ? rounded : correctBias(rounded, even, means);
  if (!unrounded) return corrected;
  const x = firstOf(batches, rankingExamples * inputShape(net.graph).reduce((n, d) => n * d, 1));
  const worst = await sensitivities(even, corrected.graph, x, engineOf(o));
  const ids = new Set(worst.slice(0, unrounded).map((s) => s.id));
  return { ...corrected, graph: withoutRoundings(corrected.graph, ids) };
}

/** The net with kernels of fewer than 8 bits on codes, and their biases without the mean error of the rounding. */
async function adaptively(
  { graph, weights }: Net,
  moments: ReadonlyMap<string, readonly Moments[]>,
  o: PostTrainingOptions,
): Promise<Net> {
  const { per = 'channel', clip = 'max', keep = () => false } = o;
  const bits = bitsIn(graph, o).weights;
  const found = new Map(weights);
  for (const { id } of layersOf(graph)) {
    const ofInputs = moments.get(id);
    if (keep(id) || bits(id) === 8 || !ofInputs) continue;
    const stored = get(weights, `${id}:kernel`);
    const kernel = float(stored.shape, materialize(stored));
    const scales = scalesOf(kernel, bits(id), per, clip);
    const codes = await roundAdaptively(kernel, ofInputs, { bits: bits(id), scales }, engineOf(o));
    found.set(`${id}:kernel`, codes);
    const bias = weights.get(`${id}:bias`);
    if (!bias) continue;
    found.set(`${id}:bias`, float(bias.shape, withoutMeanError(materialize(bias), kernel, codes, ofInputs)));
  }
  return { graph, weights: found };
}

const engineOf = ({ engine, threads, runtime }: PostTrainingOptions) => ({
  ...(engine ? { engine } : {}),
  ...(threads ? { threads } : {}),
  ...(runtime ? { runtime } : {}),
});

/** The first `length` numbers of the batches. */
function firstOf(batches: readonly Float32Array[], length: number): Float32Array {
  const total = batches.reduce((n, b) => n + b.length, 0);
  const all = new Float32Array(Math.min(length, total));
  let filled = 0;
  for (const b of batches) {
    const part = b.subarray(0, Math.min(b.length, all.length - filled));
    all.set(part, filled);
    filled += part.length;
  }
  return all;
}
