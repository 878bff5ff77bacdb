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
  type Conv,
  codeRange,
  firstInput,
  type Graph,
  type IntegerForm,
  inputChannels,
  integerForms,
  isDepthwise,
  type Node,
  nodesById,
  type OpOf,
  type Quantize,
  shapes,
} from '../../graph/index.ts';
import { biasSteps } from '../../read/onnx-integer.ts';
import {
  codesOf,
  type FloatWeight,
  float,
  largestByChannel,
  levelsOf,
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
import { callback, checkKnown, checkNet, flag, map, oneOf, whole as wholeNumber } from '../options.ts';
import { type Moments, roundWithFeedback } from './feedback.ts';
import { places } from './places.ts';

/** The smallest and the largest value that codes represent; values outside are clipped. */
export type Range = readonly [low: number, high: number];
export interface QuantizeOptions {
  /** Bits of a kernel's codes, 2 to 8; 8 by default. */
  readonly weights?: number;
  /** One scale for each output channel (by default), or one for the kernel. */
  readonly per?: 'channel' | 'tensor';
  /** How a scale is chosen: `max` clips no weight (by default), `mse` minimizes the squared error. */
  readonly clip?: 'max' | 'mse';
  /** Bits of the values between layers, 2 to 8; 8 by default. */
  readonly activations?: number;
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

const quantizeChecks = {
  weights: wholeNumber(2, 8),
  per: oneOf('channel', 'tensor'),
  clip: oneOf('max', 'mse'),
  activations: wholeNumber(2, 8),
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
  const { weights: bits = 8, activations = 8, ranges, outputs = false } = o;
  const folded = foldNorms(whole);
  if (ranges) checkUnrounded(folded.graph, activations, outputs);
  const values = ranges ? rounded(folded.graph, ranges, activations, outputs) : folded.graph;
  const graph: Graph = bits === 8 ? { ...values, integers: o.form ?? 'paired' } : values;
  return net(graph, integerWeights({ graph, weights: folded.weights }, o));
}

/** @throws Refusal when no value is left to round, or some value is rounded to another number of bits. */
export function checkUnrounded(graph: Graph, bits: number, outputs: boolean): void {
  const other = graph.nodes.find((n) => n.op.kind === 'quantize' && n.op.bits !== bits);
  if (other?.op.kind === 'quantize')
    throw new Refusal(
      `quantize: "${other.id}" already rounds to ${other.op.bits} bits, and ${bits} were requested; quantize the float net`,
    );
  if (graph.nodes.some((n) => n.op.kind === 'quantize') && !places(graph, outputs).length)
    throw new Refusal(
      `quantize: all values of ${graph.name} are already rounded to ${bits} bits; quantize the float net to calibrate again`,
    );
}

/** The graph with a rounding op after each value of `places`. */
function rounded(graph: Graph, ranges: ReadonlyMap<string, Range>, bits: number, outputs: boolean): Graph {
  const where = new Map(places(graph, outputs).map((p) => [p.id, p]));
  const ops = new Map<string, Quantize>();
  for (const { id, as } of where.values()) {
    const range = ranges.get(as ?? id);
    if (!range)
      throw new Refusal(`quantize: no range is known for "${as ?? id}"; calibrate this net with data first`);
    if (!range.every(Number.isFinite))
      throw new Refusal(`quantize: the range of "${as ?? id}" is ${range.join(' to ')}; check the data`);
    ops.set(id, stepsOf(range, bits));
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

type Layer = Node & { readonly op: Conv | OpOf<'dense'> };
/** Convs and dense layers that own their weights. */
export const layersOf = (graph: Graph): readonly Layer[] =>
  graph.nodes.filter(
    (n): n is Layer => (n.op.kind === 'conv' || n.op.kind === 'dense') && n.weightsOf === undefined,
  );

function integerWeights({ graph, weights }: Net, o: QuantizeOptions): ReadonlyMap<WeightKey, Weight> {
  const { weights: bits = 8, per = 'channel', clip = 'max', form = 'paired', keep = () => false } = o;
  const byId = nodesById(graph);
  const depthwise = depthwiseIds(graph);
  const lent = new Set(graph.nodes.flatMap((n) => n.weightsOf ?? []));
  const found = new Map(weights);
  for (const layer of layersOf(graph)) {
    const { id } = layer;
    if (keep(id)) continue;
    const key: WeightKey = `${id}:kernel`;
    const stored = get(weights, key);
    const kernel = plain(stored);
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
    // rounded to the step of the int32 accumulator that it is added to
    const data = steps
      ? corrected.map((v, c) => {
          const step = steps[c % steps.length]!;
          return Math.round(v / step) * step;
        })
      : corrected;
    found.set(`${id}:bias`, float(bias.shape, data));
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

/** Depthwise convs with one filter for each channel. */
export function depthwiseIds(graph: Graph): ReadonlySet<string> {
  const shapeById = shapes(graph);
  const isOne = (node: Node): boolean =>
    node.op.kind === 'conv' &&
    isDepthwise(node.op, inputChannels(node, shapeById)) &&
    node.op.out === node.op.groups;
  return new Set(graph.nodes.filter(isOne).map((n) => n.id));
}

/** b - sum over k of (code value - kernel) E[x_k]. */
function withoutMeanError(
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
  const top = levelsOf(bits);
  const full = largestByChannel(kernel.data, channels).map((largest) => (largest || 1) / top);
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
