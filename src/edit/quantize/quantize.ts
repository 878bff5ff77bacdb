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
import { type Conv, codeRange, type Graph, type Node, type OpOf, type Quantize } from '../../graph/index.ts';
import { biasSteps } from '../../read/onnx-integer.ts';
import {
  type FloatWeight,
  float,
  largestByChannel,
  levelsOf,
  materialize,
  type Net,
  net,
  quantized,
  type Weight,
  type WeightKey,
} from '../../weights/index.ts';
import { foldNorms } from '../fold.ts';
import { callback, checkKnown, checkNet, flag, map, oneOf, whole as wholeNumber } from '../options.ts';
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
  keep: callback,
} as const;

/**
 * Norms are folded first. Preserves the function to about a step of each rounding.
 * @throws Refusal when bits are out of range, or the range of a value is missing or not finite.
 */
export function quantize(whole: Net, o: QuantizeOptions = {}): Net {
  checkNet('quantize', whole);
  checkKnown('quantize', o, quantizeChecks); // `quantizeByData` hands its own options on too
  const { activations = 8, ranges, outputs = false } = o;
  const folded = foldNorms(whole);
  const graph = ranges ? rounded(folded.graph, ranges, activations, outputs) : folded.graph;
  return net(graph, integerWeights({ graph, weights: folded.weights }, o));
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
  const { weights: bits = 8, per = 'channel', clip = 'max', keep = () => false } = o;
  const byId = new Map(graph.nodes.map((n) => [n.id, n]));
  const lent = new Set(graph.nodes.flatMap((n) => n.weightsOf ?? []));
  const found = new Map(weights);
  for (const { id, inputs } of layersOf(graph)) {
    if (keep(id)) continue;
    const key: WeightKey = `${id}:kernel`;
    const kernel = plain(weights.get(key) as Weight);
    const bias = weights.get(`${id}:bias`);
    const source = byId.get(inputs[0] as string)?.op;
    let scales = scalesOf(kernel, bits, per, clip);
    if (source?.kind === 'quantize' && bias && !lent.has(id)) {
      const values = materialize(bias);
      scales = wideEnough(scales, source.scale, values);
      const steps = biasSteps(source.scale, scales);
      const step = (c: number): number => steps[c % steps.length] as number;
      // on the steps of an int32 accumulator, as integers add it
      found.set(
        `${id}:bias`,
        float(
          bias.shape,
          values.map((v, c) => Math.round(v / step(c)) * step(c)),
        ),
      );
    }
    found.set(key, quantized(kernel, { bits, scales }));
  }
  return found;
}

const plain = (weight: Weight): FloatWeight => float(weight.shape, materialize(weight));

/** A bias takes at most 30 bits: channels whose kernel is nearly zero get a larger scale. */
const wideEnough = (scales: Float32Array, input: number, bias: Float32Array): Float32Array =>
  scales.map((s, i) => {
    const mine = scales.length === 1 ? [...bias] : [bias[i] as number];
    return Math.max(s, ...mine.map((b) => Math.abs(b) / (input * 2 ** 30)));
  });

/** The scales of a kernel's codes: [channels] or [1]. */
export function scalesOf(
  kernel: FloatWeight,
  bits: number,
  per: 'channel' | 'tensor',
  clip: 'max' | 'mse',
): Float32Array {
  const channels = per === 'channel' ? (kernel.shape.at(-1) as number) : 1;
  const top = levelsOf(bits);
  const full = largestByChannel(kernel.data, channels).map((largest) => (largest || 1) / top);
  if (clip === 'max') return full;
  // the best share of the full range for each channel, of those from 0.3 to 1
  const [best, errors] = [full.slice(), new Float64Array(channels).fill(Number.POSITIVE_INFINITY)];
  for (let share = 1; share >= 0.3; share -= 0.02) {
    const scales = full.map((s) => s * share);
    const sums = new Float64Array(channels);
    materialize(quantized(kernel, { bits, scales })).forEach((v, p) => {
      sums[p % channels] = (sums[p % channels] as number) + (v - (kernel.data[p] as number)) ** 2;
    });
    sums.forEach((error, c) => {
      if (error >= (errors[c] as number)) return;
      errors[c] = error;
      best[c] = scales[c] as number;
    });
  }
  return best;
}
