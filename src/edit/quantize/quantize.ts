/**
 * @file Post-training quantization: weights become integers with a scale for each output channel, and values are
 * rounded to the steps that calibration found. Jacob et al. 2017, arXiv:1712.05877, sections 2.1 to 3; Krishnamoorthi
 * 2018, arXiv:1806.08342.
 *
 *   real = scale (code - zero),  scale = (high - low) / (2^bits - 1),  zero = round(-low / scale)
 *
 * The result is a net with rounding ops in it. Run in floats, it simulates the integer net; its ONNX form is the integer net.
 */
import { get, item } from '../../access.ts';
import { Refusal } from '../../errors.ts';
import {
  codeRange,
  firstInput,
  type Graph,
  type IntegerForm,
  integerForms,
  type Node,
  nodesById,
  type Quantize,
} from '../../graph/index.ts';
import { biasSteps } from '../../read/onnx-integer.ts';
import {
  codesOf,
  type FloatWeight,
  fitsHalf,
  float,
  fullStep,
  half,
  largestByChannel,
  materialize,
  type Net,
  net,
  pairsFit,
  type QuantizedWeight,
  quantized,
  roundedCodes,
  type Weight,
  type WeightKey,
} from '../../weights/index.ts';
import { foldNorms } from '../fold/norms.ts';
import {
  callback,
  checkKnown,
  checkNet,
  either,
  flag,
  map,
  oneOf,
  whole as wholeNumber,
} from '../options.ts';
import { normsOnSteps, toSteps, withoutMeanError } from './biases.ts';
import { type BitsOptions, bitsIn, isCoded, kernelBits } from './bits.ts';
import { type Moments, roundWithFeedback } from './feedback.ts';
import { depthwiseIds, layersOf } from './layers.ts';
import { places } from './places.ts';

/** The smallest and the largest value that codes represent; values outside are clipped. */
export type Range = readonly [low: number, high: number];
export interface QuantizeOptions extends BitsOptions {
  /** One scale for each output channel (by default), or one for the kernel. */
  readonly per?: 'channel' | 'tensor';
  /** How a scale is chosen: `max` clips no weight (by default), `mse` minimizes the squared error. */
  readonly clip?: 'max' | 'mse';
  /** The range of each value by node id, from `calibrate`. Without ranges only weights are quantized. */
  readonly ranges?: ReadonlyMap<string, Range>;
  /** Round the graph's outputs too; the outputs are then the rounding nodes, `PATH/quantize`. False by default. */
  readonly outputs?: boolean;
  /** Statistics of the inputs of layers, by layer id: their kernels are rounded with error feedback, their biases corrected. */
  readonly moments?: ReadonlyMap<string, readonly Moments[]>;
  /** Which codes kernels of 8 bits may have; `paired` by default. */
  readonly form?: IntegerForm;
  /** Whether a layer keeps its float kernel, as the first and the last one sometimes do; none by default. */
  readonly keep?: (path: string) => boolean;
}

/** The rounding op of a range. Zero is represented exactly. */
export function stepsOf([low, high]: Range, bits: number, isSigned = false): Quantize {
  const [least, most] = [Math.min(low, 0), Math.max(high, 0)];
  const codes = codeRange({ bits, signed: isSigned });
  const scale = Math.fround((most - least) / (codes[1] - codes[0])) || 1;
  const zero = Math.min(codes[1], Math.max(codes[0], Math.round(codes[0] - least / scale)));
  return { kind: 'quantize', scale, zero, bits, signed: isSigned };
}

export const quantizeChecks = {
  weights: either(kernelBits, callback),
  per: oneOf('channel', 'tensor'),
  clip: oneOf('max', 'mse'),
  activations: either(wholeNumber(2, 8), callback),
  ends: wholeNumber(2, 8),
  ranges: map,
  outputs: flag,
  moments: map,
  form: oneOf(...integerForms),
  keep: callback,
} as const;

/**
 * Replaces kernels by integer codes with scales, and, with `ranges`, rounds the values between layers. Norms are folded
 * first. The function is preserved to about one step of each rounding. `quantizeByData` of moonlet/compress also calibrates
 * the ranges.
 *
 * @throws UsageError for options out of range; Refusal when the range of a value is missing or not finite, or the values
 * are rounded already.
 * @example
 * import { bytesOf, graph, init, input, quantize } from 'moonlet';
 * const net = init(graph('tiny', input(8, 8, 8).conv(32, { kernel: 3 }).relu().globalPool().dense(4)));
 * [bytesOf(net), bytesOf(quantize(net))]; // [9744, 2592]
 */
export function quantize(whole: Net, o: QuantizeOptions = {}): Net {
  checkNet('quantize', whole);
  checkKnown('quantize', o, quantizeChecks); // `quantizeByData` passes its own options too
  const { ranges, outputs = false, keep = () => false } = o;
  const folded = foldNorms(whole);
  const bits = bitsIn(folded.graph, o);
  if (ranges) checkUnrounded(folded.graph, bits.activations, outputs);
  const values = ranges ? rounded(folded.graph, ranges, bits.activations, outputs) : folded.graph;
  const isWide = layersOf(values).some(({ id }) => !keep(id) && bits.weights(id) === 8);
  const graph: Graph = isWide ? { ...values, integers: o.form ?? 'paired' } : values;
  return normsOnSteps(net(graph, integerWeights({ graph, weights: folded.weights }, o, bits.weights)));
}

/** @throws Refusal when no value is left to round, or some value is rounded to another number of bits. */
export function checkUnrounded(graph: Graph, bits: (value: string) => number, outputs: boolean): void {
  for (const node of graph.nodes) {
    if (node.op.kind !== 'quantize') continue;
    const wanted = bits(firstInput(node));
    if (node.op.bits !== wanted)
      throw new Refusal(
        `quantize: "${node.id}" already rounds to ${node.op.bits} bits, and ${wanted} were requested; quantize the float net`,
      );
  }
  const [first] = graph.nodes.filter((n) => n.op.kind === 'quantize');
  if (first && !places(graph, outputs).length)
    throw new Refusal(
      `quantize: all values of ${graph.name} are already rounded to ${bits(firstInput(first))} bits; quantize the float net to calibrate again`,
    );
}

/** The graph with a rounding op after each value of `places`. */
function rounded(
  graph: Graph,
  ranges: ReadonlyMap<string, Range>,
  bits: (value: string) => number,
  outputs: boolean,
): Graph {
  const where = new Map(places(graph, outputs).map((p) => [p.id, p]));
  const ops = new Map<string, Quantize>();
  for (const { id, as } of where.values()) {
    const range = ranges.get(as ?? id);
    if (!range)
      throw new Refusal(`quantize: no range is known for "${as ?? id}"; calibrate this net with data first`);
    if (!range.every(Number.isFinite))
      throw new Refusal(`quantize: the range of "${as ?? id}" is ${range.join(' to ')}; check the data`);
    ops.set(id, stepsOf(range, bits(id)));
  }
  const after = (id: string): string => `${id}/quantize`;
  const nodes = graph.nodes.flatMap((n): Node[] => {
    const node = {
      ...n,
      inputs: n.inputs.map((id) => (ops.has(id) && n.op.kind !== 'quantize' ? after(id) : id)),
    };
    const op = ops.get(n.id);
    return op ? [node, { id: after(n.id), op, inputs: [n.id] }] : [node];
  });
  return {
    ...graph,
    nodes,
    outputs: graph.outputs.map((id) => (outputs && ops.has(id) ? after(id) : id)),
  };
}

function integerWeights(
  { graph, weights }: Net,
  o: QuantizeOptions,
  bitsOf: (layer: string) => number,
): ReadonlyMap<WeightKey, Weight> {
  const { per = 'channel', clip = 'max', form = 'paired', keep = () => false } = o;
  const byId = nodesById(graph);
  const depthwise = depthwiseIds(graph);
  const lent = new Set(graph.nodes.flatMap((n) => n.weightsOf ?? []));
  const found = new Map(weights);
  for (const layer of layersOf(graph)) {
    const { id } = layer;
    if (keep(id)) continue;
    const bits = bitsOf(id);
    const key: WeightKey = `${id}:kernel`;
    const stored = get(weights, key);
    const kernel = plain(stored);
    if (!kernel.data.every(Number.isFinite))
      throw new Refusal(`quantize: the kernel of "${id}" has values that are not finite numbers`);
    if (!isCoded(bits)) {
      if (bits === 16 && fitsHalf(kernel.data)) found.set(key, half(kernel));
      continue;
    }
    const bias = weights.get(`${id}:bias`);
    const source = byId.get(firstInput(layer))?.op;
    const paired = form === 'paired' && bits === 8 && !depthwise.has(id);
    const moments = lent.has(id) ? undefined : o.moments?.get(id);
    const onSteps = source?.kind === 'quantize' && bias && !lent.has(id) ? source.scale : undefined;
    const codes = codesFor(stored, { bits, paired, per, clip, moments, bias, onSteps });
    const { scales } = codes;
    found.set(key, codes);
    if (!bias) continue;
    const corrected = moments
      ? withoutMeanError(materialize(bias), kernel, codes, moments)
      : materialize(bias);
    const steps = onSteps && biasSteps(onSteps, scales);
    found.set(`${id}:bias`, float(bias.shape, steps ? toSteps(corrected, steps) : corrected));
  }
  return found;
}

interface CodesOptions {
  readonly bits: number;
  readonly paired: boolean;
  readonly per: 'channel' | 'tensor';
  readonly clip: 'max' | 'mse';
  readonly moments: readonly Moments[] | undefined;
  readonly bias: Weight | undefined;
  /** The step of the layer's input, where the bias is an integer in steps of it. */
  readonly onSteps: number | undefined;
}

/** A kernel's codes. A kernel that already has codes of this kind, from training, keeps them. */
function codesFor(stored: Weight, o: CodesOptions): QuantizedWeight {
  const { bits, paired, per, clip, moments, bias, onSteps } = o;
  const kernel = plain(stored);
  const fits =
    stored.encoding === 'quantized' &&
    stored.bits === bits &&
    (!paired || pairsFit(codesOf(stored), stored.shape));
  let scales = fits ? stored.scales : scalesOf(kernel, bits, per, clip, paired);
  const narrow = scales;
  if (bias && onSteps) scales = wideEnough(scales, onSteps, materialize(bias));
  if (fits && scales.every((s, c) => s === narrow[c])) return stored;
  return moments
    ? roundWithFeedback(kernel, moments, { bits, scales, paired })
    : quantized(kernel, { bits, scales, paired });
}

const plain = (weight: Weight): FloatWeight => float(weight.shape, materialize(weight));

/** A bias code has at most 30 bits: channels whose kernel is nearly zero get a larger scale. */
const wideEnough = (scales: Float32Array, input: number, bias: Float32Array): Float32Array =>
  scales.map((s, i) => {
    const biases = scales.length === 1 ? [...bias] : [bias[i]!];
    return Math.max(s, ...biases.map((b) => Math.abs(b) / (input * 2 ** 30)));
  });

/**
 * The scales of a kernel's codes: [channels] or [1]. With `clip` 'max' no weight is clipped. The scales of `paired` kernels
 * may be up to twice as large as the largest magnitude requires: limiting a pair loses more than rounding to a larger step.
 */
export function scalesOf(
  kernel: FloatWeight,
  bits: number,
  per: 'channel' | 'tensor',
  clip: 'max' | 'mse',
  paired = false,
): Float32Array {
  const channels = per === 'channel' ? item(kernel.shape, -1) : 1;
  const full = largestByChannel(kernel.data, channels).map((largest) => fullStep(largest, bits));
  const [least, most] = [clip === 'mse' ? 0.3 : 1, paired ? 2 : 1];
  const [best, errors] = [full.slice(), new Float64Array(channels).fill(Number.POSITIVE_INFINITY)];
  for (let share = most; most > least && share >= least - 1e-6; share -= share > 1 ? 0.05 : 0.02) {
    const scales = full.map((s) => s * share);
    const sums = new Float64Array(channels);
    roundedCodes(kernel, { bits, scales, paired }).forEach((code, p) => {
      const c = p % channels;
      sums[c]! += (code * scales[c]! - kernel.data[p]!) ** 2;
    });
    sums.forEach((error, c) => {
      if (error >= errors[c]!) return;
      errors[c] = error;
      best[c] = scales[c]!;
    });
  }
  return best;
}
