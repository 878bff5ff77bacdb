/**
 * @file Quantized nets as ONNX: QuantizeLinear and DequantizeLinear around float ops, which runtimes fuse into integer
 * ones (onnxruntime: QLinearConv and its kin). Values of fewer than 8 bits are written as float ops that round.
 */
import {
  type Activation,
  type Conv,
  codeRange,
  firstInput,
  type Node,
  type Op,
  type Quantize,
  type Slot,
} from '../graph/index.ts';
import { int, type OnnxModel } from '../onnx/index.ts';
import {
  codesOf,
  dense,
  materialize,
  pairsFit,
  type QuantizedWeight,
  type Weight,
} from '../weights/index.ts';
import type { Draft } from './onnx-draft.ts';

/**
 * x on its steps, as a float value.
 *
 * Between DequantizeLinear and QuantizeLinear, onnxruntime (1.21 and later) rounds a float kernel to 8 bits with one scale of its own
 * choice. @param floats whether x may come from such a kernel: it is then rounded by other ops, to the same codes.
 */
export function emitQuantize(d: Draft, x: string, op: Quantize, floats: boolean): string {
  const { scale, zero, bits, signed } = op;
  const float = (v: number): string => d.constant('float32', [], Float32Array.of(v));
  const rounded = (): string => {
    const [low, high] = codeRange(op);
    const steps = d.emit('Round', [d.emit('Div', [x, float(scale)])]);
    // clipped around the zero point, so that it need not be added and subtracted
    return d.emit('Clip', [steps, float(low - zero), float(high - zero)]);
  };
  if (bits < 8) return d.emit('Mul', [rounded(), float(scale)]);
  const dtype = signed ? 'int8' : 'uint8';
  const point = d.constant(dtype, [], signed ? Int8Array.of(zero) : Uint8Array.of(zero));
  const step = float(scale);
  const codes = floats
    ? d.emit('Cast', [d.emit('Add', [rounded(), float(zero)])], { to: int(signed ? 3 : 2) })
    : d.emit('QuantizeLinear', [x, step, point]);
  return d.emit('DequantizeLinear', [codes, step, point]);
}

/**
 * Whether an activation reads one that it cannot change, such as a relu a relu. onnxruntime 1.30 refuses a layer with two of them before
 * QuantizeLinear: it fuses both, each into a node of the layer's name.
 */
export const repeats = (source: Op | undefined, fn: Activation): boolean =>
  source?.kind === 'act' && (fn === 'relu' || fn === 'relu6') && (source.fn === 'relu6' || source.fn === fn);

/** Whether a value comes from a layer that multiplies floats, with nothing between but ops of one input. */
export function readsFloatKernel(
  { inputs }: Node,
  byId: ReadonlyMap<string, Node>,
  kernelOf: (layer: Node) => Weight | undefined,
): boolean {
  const from = inputs.length === 1 ? byId.get(inputs[0] ?? '') : undefined;
  if (!from || from.op.kind === 'quantize') return false;
  const kernel = kernelOf(from);
  if (!kernel || from.op.kind === 'attention' || from.op.kind === 'positions')
    return readsFloatKernel(from, byId, kernelOf);
  return from.op.kind === 'convTranspose' || !multipliesCodes(byId.get(firstInput(from))?.op, kernel);
}

/** What a layer's operands depend on besides its weights. */
export interface LinearSite {
  /** The op that made the layer's input, and the name of that value. */
  readonly source: Op | undefined;
  readonly x: string;
  /** One filter a channel, which runtimes multiply in 32 bits. */
  readonly depthwise: boolean;
  /** The name of a weight in the file. */
  readonly named: (slot: Slot) => string;
  /** Whether codes of at most 4 bits are stored as int4. */
  readonly int4: boolean;
  /** The groups of a conv, and how many neighbouring ones become one (1: none); see `groupsToJoin`. */
  readonly groups: number;
  readonly join: number;
}

/** Whether a layer multiplies codes: it reads values of 8 bits, and its kernel has codes. */
const multipliesCodes = (source: Op | undefined, kernel: Weight): boolean =>
  source?.kind === 'quantize' && source.bits === 8 && dense(kernel)?.encoding === 'quantized';

/**
 * How many neighbouring groups of a conv of codes become one, with zeros between them, so that a group has at most so many channels.
 * onnxruntime's integer convs have a large cost for each group; zeros add nothing to a sum of integers.
 */
export function groupsToJoin(
  { groups, out }: Pick<Conv, 'groups' | 'out'>,
  channels: number,
  most: number,
  source: Op | undefined,
  kernel: Weight,
): number {
  const inGroup = Math.max(channels, out) / groups;
  if ((groups === channels && out === groups) || !multipliesCodes(source, kernel)) return 1;
  for (let join = Math.min(groups, Math.floor(most / inGroup)); join > 1; join--)
    if (groups % join === 0) return join;
  return 1;
}

/**
 * Input, kernel (OIHW, or [in, out] of a dense layer) and bias of a layer. Kernel and bias are integers when the layer
 * reads codes of 8 bits and has a kernel of codes: the bias as int32 in steps of input scale times kernel scale.
 */
export function linearOperands(
  d: Draft,
  site: LinearSite,
  kernel: Weight,
  bias: Weight | undefined,
): readonly string[] {
  const { source, x } = site;
  const read = source?.kind === 'quantize' && source.bits === 8 ? source : undefined;
  const codes = dense(kernel);
  if (read && codes?.encoding === 'quantized') return [x, ...integerOperands(d, read, codes, bias, site)];
  return [
    x,
    d.weight(kernel, () =>
      site.int4 && codes?.encoding === 'quantized' && codes.bits <= 4
        ? fromInt4(d, codes, site.named('kernel'))
        : floatKernel(d, kernel, site.named('kernel')),
    ),
    ...(bias ? [floatBias(d, bias, site, source, codes)] : []),
  ];
}

/** On the steps of the sums, where codes are multiplied as floats: a bias that layers share is rounded for each of them. */
function floatBias(
  d: Draft,
  bias: Weight,
  { named }: LinearSite,
  source: Op | undefined,
  kernel: Weight | undefined,
): string {
  const make = (data: Float32Array): string => d.constant('float32', bias.shape, data, named('bias'));
  if (source?.kind !== 'quantize' || kernel?.encoding !== 'quantized')
    return d.weight(bias, () => make(materialize(bias)));
  const steps = biasSteps(source.scale, kernel.scales);
  return make(
    materialize(bias).map((v, o) => {
      const step = steps[o % steps.length]!;
      return Math.round(v / step) * step;
    }),
  );
}

/** A kernel of codes as floats, which runtimes compute once: codes of 4 bits, cast, times the scales. */
function fromInt4(d: Draft, kernel: QuantizedWeight, name: string): string {
  const { shape, scales } = kernel;
  const isConv = shape.length === 4;
  const codes = codesOf(kernel);
  const turned = isConv ? oihw(codes, shape, new Int8Array(codes.length)) : codes;
  const stored = d.constant('int4', isConv ? oihwShape(shape) : shape, turned, name);
  const steps = d.constant('float32', isConv ? [scales.length, 1, 1, 1] : [scales.length], scales);
  return d.emit('Mul', [d.emit('Cast', [stored], { to: int(1) }), steps]);
}

function floatKernel(d: Draft, kernel: Weight, name: string): string {
  const data = materialize(kernel);
  return kernel.shape.length === 4
    ? d.constant(
        'float32',
        oihwShape(kernel.shape),
        oihw(data, kernel.shape, new Float32Array(data.length)),
        name,
      )
    : d.constant('float32', kernel.shape, data, name);
}

/** The zero-point of codes that are written unsigned. */
const middle = 128;

/**
 * Signed codes where every processor multiplies them exactly. Otherwise the same codes unsigned around 128, which
 * onnxruntime multiplies in 32 bits everywhere, more slowly; see pairs.ts of the weights.
 */
function integerOperands(
  d: Draft,
  read: Quantize,
  kernel: QuantizedWeight,
  bias: Weight | undefined,
  { depthwise, named, int4, groups, join }: LinearSite,
): readonly string[] {
  const { shape, scales } = kernel;
  const [name, biasName] = [named('kernel'), named('bias')];
  const isConv = shape.length === 4;
  const codes = codesOf(kernel);
  const alone = isConv ? oihw(codes, shape, new Int8Array(codes.length)) : codes;
  const turned = join > 1 ? withZeros(alone, oihwShape(shape), join, groups) : alone;
  const [o = 1, i = 1, ...window] = isConv ? oihwShape(shape) : shape;
  const size = isConv ? [o, i * join, ...window] : shape;
  const isSigned = depthwise || pairsFit(codes, shape);
  // a cast of a constant is computed before the integer layers are fused
  const signed = (): string =>
    int4 && kernel.bits <= 4
      ? d.emit('Cast', [d.constant('int4', size, turned, name)], { to: int(3) })
      : d.constant('int8', size, turned, name);
  const stored = isSigned
    ? signed()
    : d.constant(
        'uint8',
        size,
        Uint8Array.from(turned, (code) => code + middle),
        name,
      );
  const axis = { axis: int(isConv ? 0 : 1) };
  const values = dequantized(d, stored, isSigned ? 'int8' : 'uint8', scales, axis);
  if (!bias) return [values];
  const steps = biasSteps(read.scale, scales);
  const whole = Int32Array.from(materialize(bias), (v, o) => Math.round(v / steps[o % steps.length]!));
  const integers = d.constant('int32', bias.shape, whole, biasName);
  return [values, dequantized(d, integers, 'int32', steps, { axis: int(0) })];
}

/** One scale, or one for each entry of the axis; zero-points are 0, of unsigned codes 128. */
export function dequantized(
  d: Draft,
  codes: string,
  dtype: 'int8' | 'uint8' | 'int32',
  scales: Float32Array,
  axis: Parameters<Draft['emit']>[2],
): string {
  const one = scales.length === 1;
  const shape = one ? [] : [scales.length];
  const zeros = {
    int8: new Int8Array(scales.length),
    uint8: new Uint8Array(scales.length).fill(middle),
    int32: new Int32Array(scales.length),
  }[dtype];
  return d.emit(
    'DequantizeLinear',
    [codes, d.constant('float32', shape, scales), d.constant(dtype, shape, zeros)],
    one ? {} : axis,
  );
}

/** The step of each bias in int32: input scale times kernel scale, in float32. */
export const biasSteps = (input: number, scales: Float32Array): Float32Array => scales.map((s) => input * s);

const oihwShape = ([kh = 1, kw = 1, i = 1, o = 1]: readonly number[]): number[] => [o, i, kh, kw];
/** kernel_HWIO -> kernel_OIHW, into an array of the same kind. */
function oihw<T extends Float32Array | Int8Array>(
  data: T,
  [kh = 1, kw = 1, inner = 1, outer = 1]: readonly number[],
  turned: T,
): T {
  const places = kh * kw;
  for (let p = 0; p < places; p++) {
    for (let a = 0; a < inner; a++) {
      for (let b = 0; b < outer; b++)
        turned[(b * inner + a) * places + p] = data[(p * inner + a) * outer + b]!;
    }
  }
  return turned;
}

/** A kernel [o, i, kh, kw] of groups as one of [o, i * join, kh, kw], in which `join` groups are one. */
function withZeros(
  codes: Int8Array,
  [o = 1, i = 1, kh = 1, kw = 1]: readonly number[],
  join: number,
  groups: number,
): Int8Array {
  const filter = i * kh * kw;
  const joined = new Int8Array(codes.length * join);
  for (let k = 0; k < o; k++) {
    const place = Math.floor(k / (o / groups)) % join;
    joined.set(codes.subarray(k * filter, (k + 1) * filter), (k * join + place) * filter);
  }
  return joined;
}

/** How many layers of a model multiply codes of 8 bits, by the kind of their kernels' codes. */
export function integerLayers({ nodes, initializers }: Pick<OnnxModel, 'nodes' | 'initializers'>): {
  readonly signed: number;
  readonly unsigned: number;
} {
  const dtypes = new Map(initializers.map((t) => [t.name, t.dtype]));
  // codes of 4 bits are cast to 8 before they are dequantized
  for (const n of nodes) {
    const to = n.attributes?.['to'];
    const isWidened = n.opType === 'Cast' && dtypes.get(n.inputs[0] ?? '') === 'int4';
    if (isWidened && to?.kind === 'int' && to.value === 3) dtypes.set(n.outputs[0] ?? '', 'int8');
  }
  const stored = new Map(nodes.map((n) => [n.outputs[0], dtypes.get(n.inputs[0] ?? '')]));
  const kernels = nodes
    .filter((n) => n.opType === 'Conv' || n.opType === 'Gemm')
    .map((n) => stored.get(n.inputs[1]));
  return {
    signed: kernels.filter((dtype) => dtype === 'int8').length,
    unsigned: kernels.filter((dtype) => dtype === 'uint8').length,
  };
}
