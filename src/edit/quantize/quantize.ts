/**
 * @file Quantization after training: weights become whole numbers with a scale for each output channel, values are rounded
 * to the steps that calibration found. Jacob et al. 2017, arXiv:1712.05877, sections 2.1 to 3; Krishnamoorthi 2018,
 * arXiv:1806.08342.
 *
 *   real = scale (code - zero),  scale = (high - low) / (2^bits - 1),  zero = round(-low / scale)
 *
 * What comes out is a net like any other, with rounding ops in it: run in floats it simulates the integer net, and its
 * ONNX form is the integer net.
 */
import { Refusal } from '../../errors.ts';
import {
  type Conv,
  channelsOf,
  codeRange,
  type Graph,
  type IntegerForm,
  integerForms,
  isDepthwise,
  type Node,
  nodesById,
  type OpOf,
  type Quantize,
  type Shape,
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

/** The least and the largest value that is told apart. */
export type Range = readonly [low: number, high: number];
export interface QuantizeOptions {
  /** Bits of a kernel's codes, 2 to 8; 8 unless told. */
  readonly weights?: number;
  /** One scale for each output channel (unless told), or one for the kernel. */
  readonly per?: 'channel' | 'tensor';
  /** How a scale is chosen: so that nothing is clipped (unless told), or for the least squared error. */
  readonly clip?: 'max' | 'mse';
  /** Bits of the values between layers, 2 to 8; 8 unless told. */
  readonly activations?: number;
  /** What calibration found of each value. Without ranges only weights are quantized. */
  readonly ranges?: ReadonlyMap<string, Range>;
  /** Round the graph's outputs too. They are then the rounding nodes, `PATH/quantize`. */
  readonly outputs?: boolean;
  /** What each layer reads, by its id: kernels are then rounded with error feedback, and biases take back its mean. */
  readonly moments?: ReadonlyMap<string, readonly Moments[]>;
  /** Of kernels of 8 bits; `paired` by default. */
  readonly form?: IntegerForm;
  /** Layers that keep their float kernel, such as the first and the last. */
  readonly keep?: (path: string) => boolean;
}

/** The steps of a range: zero is one of them exactly. */
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
 * Norms are folded first. Preserves the function to about a step of each rounding.
 * @throws Refusal when bits are out of range, or the range of a value is missing or not finite.
 */
export function quantize(whole: Net, o: QuantizeOptions = {}): Net {
  checkNet('quantize', whole);
  checkKnown('quantize', o, quantizeChecks); // `quantizeByData` hands its own options on too
  const { weights: bits = 8, activations = 8, ranges, outputs = false } = o;
  const folded = foldNorms(whole);
  if (ranges) checkUnrounded(folded.graph, activations, outputs);
  const values = ranges ? rounded(folded.graph, ranges, activations, outputs) : folded.graph;
  const graph: Graph = bits === 8 ? { ...values, integers: o.form ?? 'paired' } : values;
  return net(graph, integerWeights({ graph, weights: folded.weights }, o));
}

/**
 * That there are values left to round, and none that is rounded otherwise.
 * @throws Refusal
 */
export function checkUnrounded(graph: Graph, bits: number, outputs: boolean): void {
  const other = graph.nodes.find((n) => n.op.kind === 'quantize' && n.op.bits !== bits);
  if (other?.op.kind === 'quantize')
    throw new Refusal(
      `quantize: "${other.id}" rounds to ${other.op.bits} bits already, and ${bits} were asked for; quantize the net from before`,
    );
  if (graph.nodes.some((n) => n.op.kind === 'quantize') && !places(graph, outputs).length)
    throw new Refusal(
      `quantize: all values of ${graph.name} are rounded to ${bits} bits already; quantize the net from before to calibrate anew`,
    );
}

/** The graph with a rounding after each place. */
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
    const read = {
      ...n,
      inputs: n.inputs.map((id) => (ops.has(id) && n.op.kind !== 'quantize' ? after(id) : id)),
    };
    const op = ops.get(n.id);
    return op ? [read, { id: after(n.id), op, inputs: [n.id] }] : [read];
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
  for (const { id, inputs } of layersOf(graph)) {
    if (keep(id)) continue;
    const key: WeightKey = `${id}:kernel`;
    const stored = weights.get(key) as Weight;
    const kernel = plain(stored);
    const bias = weights.get(`${id}:bias`);
    const source = byId.get(inputs[0] as string)?.op;
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
    // on the steps of an int32 accumulator, as integers add it
    const data = steps
      ? corrected.map((v, c) => {
          const step = steps[c % steps.length] as number;
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

/** A kernel's codes. Those that training found stay, where they are of this kind. */
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

/** Layers of one filter a channel. */
export function depthwiseIds(graph: Graph): ReadonlySet<string> {
  const shapeById = shapes(graph);
  const isOne = ({ op, inputs }: Node): boolean =>
    op.kind === 'conv' &&
    isDepthwise(op, channelsOf(shapeById.get(inputs[0] as string) as Shape)) &&
    op.out === op.groups;
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
    const mean = moments[Math.floor(c / each)]?.mean[Math.floor(p / channels)] as number;
    shift[c] = (shift[c] as number) + (v - (kernel.data[p] as number)) * mean;
  });
  return bias.map((b, c) => b - (shift[c] as number));
}

const plain = (weight: Weight): FloatWeight => float(weight.shape, materialize(weight));

/** A bias takes at most 30 bits: channels whose kernel is nearly zero get a larger scale. */
const wideEnough = (scales: Float32Array, input: number, bias: Float32Array): Float32Array =>
  scales.map((s, i) => {
    const mine = scales.length === 1 ? [...bias] : [bias[i] as number];
    return Math.max(s, ...mine.map((b) => Math.abs(b) / (input * 2 ** 30)));
  });

/**
 * The scales of a kernel's codes: [channels] or [1]. With `clip` 'max' no code is clipped; `paired` kernels have scales up to
 * twice as large as the largest magnitude asks for, since shrinking a pair loses more than rounding to a larger step.
 */
export function scalesOf(
  kernel: FloatWeight,
  bits: number,
  per: 'channel' | 'tensor',
  clip: 'max' | 'mse',
  paired = false,
): Float32Array {
  const channels = per === 'channel' ? (kernel.shape.at(-1) as number) : 1;
  const top = levelsOf(bits);
  const full = largestByChannel(kernel.data, channels).map((largest) => (largest || 1) / top);
  const [least, most] = [clip === 'mse' ? 0.3 : 1, paired ? 2 : 1];
  const [best, errors] = [full.slice(), new Float64Array(channels).fill(Number.POSITIVE_INFINITY)];
  for (let share = most; most > least && share >= least - 1e-6; share -= share > 1 ? 0.05 : 0.02) {
    const scales = full.map((s) => s * share);
    const sums = new Float64Array(channels);
    roundedCodes(kernel, { bits, scales, paired }).forEach((code, p) => {
      const c = p % channels;
      sums[c] = (sums[c] as number) + (code * (scales[c] as number) - (kernel.data[p] as number)) ** 2;
    });
    sums.forEach((error, c) => {
      if (error >= (errors[c] as number)) return;
      errors[c] = error;
      best[c] = scales[c] as number;
    });
  }
  return best;
}
