/** @file Post-training quantization in all its steps: equalize ranges, calibrate, round, correct biases. */
import { get } from '../access.ts';
import { foldNorms } from '../edit/fold/norms.ts';
import { checkNet, checkOptions } from '../edit/options.ts';
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
import { Refusal, UsageError } from '../errors.ts';
import { inputShape } from '../graph/index.ts';
import { float, materialize, type Net } from '../weights/index.ts';
import { roundAdaptively } from './adaptive-rounding.ts';
import { type CalibrateOptions, calibrate } from './calibrate.ts';
import { postTrainingChecks } from './checks.ts';
import type { Rounding } from './choices.ts';
import { inputMoments } from './moments.ts';
import { type Sensitivity, sensitivities, withoutRoundings } from './sensitivity.ts';

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
  const { unrounded = 0 } = o;
  const { net: rounded, ranked } = await roundedByData(net, batches, o);
  return unrounded ? withFloats(rounded, await ranked(), unrounded) : rounded;
}

/** An integer net within a measured budget. */
export interface WithinLatency {
  readonly net: Net;
  /** How many values stay in floats. */
  readonly unrounded: number;
  /** What `measure` gave for the net. */
  readonly measured: number;
}

/**
 * Quantizes a trained net, but leaves as many values in floats as `measure` of the net stays within the budget, the most sensitive
 * ones first; layers that read them run in floats. Both are in the same unit, such as milliseconds: `latency` of moonlet/engine is a
 * measure. It searches by bisection, which assumes that the measure rises with the number of such values.
 *
 * @param batches examples that calibrate, each [n, ...input] flat.
 * @throws UsageError for options out of range; Refusal when the measure is above the budget even if all values are rounded.
 * @example
 * import { graph, init, input } from 'moonlet';
 * import { quantizeToLatency } from 'moonlet/compress';
 * const net = init(graph('tiny', input(8, 8, 8).conv(32, { kernel: 3 }).relu().globalPool().dense(4)));
 * const examples = Float32Array.from({ length: 16 * 8 * 8 * 8 }, (_, i) => Math.sin(i));
 * // a stand-in for latency(net) of moonlet/engine: floats take longer
 * const time = async ({ graph }: typeof net) => 10 - graph.nodes.filter((n) => n.op.kind === 'quantize').length;
 * const { unrounded } = await quantizeToLatency(net, [examples], 9, time);
 * unrounded; // 2
 */
export async function quantizeToLatency(
  net: Net,
  batches: readonly Float32Array[],
  budget: number,
  measure: (net: Net) => Promise<number>,
  o: Omit<PostTrainingOptions, 'unrounded'> = {},
): Promise<WithinLatency> {
  if (!(budget > 0)) throw new UsageError(`quantize: the budget must be a number above 0, got ${budget}`);
  const { net: rounded, ranked } = await roundedByData(net, batches, o);
  const least = await measure(rounded);
  if (!(least <= budget))
    throw new Refusal(
      `${net.graph.name}: the measured time cannot come down to ${budget} by quantization; with all values rounded it is ${least}`,
    );
  const worst = await ranked();
  let best: WithinLatency = { net: rounded, unrounded: 0, measured: least };
  for (let high = worst.length; best.unrounded < high; ) {
    const unrounded = Math.ceil((best.unrounded + high) / 2);
    const tried = withFloats(rounded, worst, unrounded);
    const measured = await measure(tried);
    if (measured <= budget) best = { net: tried, unrounded, measured };
    else high = unrounded - 1;
  }
  return best;
}

/** The net with the first `count` values of a ranking in floats. */
const withFloats = (rounded: Net, ranking: readonly Sensitivity[], count: number): Net => ({
  ...rounded,
  graph: withoutRoundings(rounded.graph, new Set(ranking.slice(0, count).map((s) => s.id))),
});

/** A net with all values rounded. */
interface Rounded {
  readonly net: Net;
  /** The float net that it rounds, with the same layers. */
  readonly floats: Net;
  /** Some of the examples, on which errors are measured. */
  readonly x: Float32Array;
  /** The ranking of its roundings, the one that costs most first. */
  readonly ranked: () => Promise<readonly Sensitivity[]>;
}

/** The net quantized with all its values rounded, before any is left in floats. */
export async function roundedByData(
  net: Net,
  batches: readonly Float32Array[],
  o: PostTrainingOptions,
): Promise<Rounded> {
  checkNet('quantize', net);
  checkOptions('quantize', o, postTrainingChecks);
  const { outputs = false, round = 'nearest', values = true } = o;
  const { activations: bits } = bitsIn(foldNorms(net).graph, o);
  if (values) checkUnrounded(net.graph, bits, outputs);
  const folded = o.equalize ? equalize(net) : foldNorms(net);
  const even = o.even
    ? evenChannels(folded, (await calibrate(folded, batches, { ...engineOf(o), outputs })).largest)
    : folded;
  const { method, percentile } = o;
  const { ranges, means } = await calibrate(even, batches, {
    ...{ ...engineOf(o), outputs, bits },
    ...(method ? { method } : {}),
    ...(percentile === undefined ? {} : { percentile }),
  });
  const isNearest = round === 'nearest';
  const moments = isNearest ? undefined : await inputMoments(even, batches, engineOf(o));
  const inCodes = moments && round === 'adaptive' ? await adaptively(even, moments, o) : even;
  const rounded = quantize(inCodes, { ...o, ...(moments ? { moments } : {}), ...(values ? { ranges } : {}) });
  const corrected = o.correct === false || !isNearest ? rounded : correctBias(rounded, even, means);
  const x = firstOf(batches, rankingExamples * inputShape(net.graph).reduce((n, d) => n * d, 1));
  return {
    net: corrected,
    floats: even,
    x,
    ranked: () => sensitivities(even, corrected.graph, x, engineOf(o)),
  };
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
    if (keep(id) || bits(id) >= 8 || !ofInputs) continue;
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

export const engineOf = ({ engine, threads, runtime }: PostTrainingOptions) => ({
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
