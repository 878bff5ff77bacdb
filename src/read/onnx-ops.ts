/** @file Writes norms, pads, pools, transposed convs and resizing as ONNX nodes. */
import { defined, first } from '../access.ts';
import {
  channelsOf,
  groupsOf,
  isMap,
  type Norm,
  type OpOf,
  type Padding,
  type Pair,
  positionFeatures,
  type Shape,
  type Slot,
  slide,
  slideBack,
} from '../graph/index.ts';
import { float, int, ints, string } from '../onnx/index.ts';
import { materialize } from '../weights/index.ts';
import { normOperands } from './integer-norm.ts';
import { normAffine } from './norm-affine.ts';
import type { Draft, Emission } from './onnx-draft.ts';

/** One number a channel of the first input, such that it broadcasts over it: [c, 1, 1] for a map, [c] for a vector. */
export function channelVector({ draft: d, shapes, weight, named }: Emission, slot: Slot): string {
  const stored = defined(weight(slot), slot);
  const shape = first(shapes);
  const c = channelsOf(shape);
  // a map and a vector may share a weight: each form has a constant of its own
  const key = isMap(shape) ? stored : `${named(slot)} of a vector`;
  return d.weight(key, () =>
    d.constant('float32', isMap(shape) ? [c, 1, 1] : [c], materialize(stored), named(slot)),
  );
}

/** Over the last axis: maps are turned channels last. */
export function emitLayerNorm(e: Emission<OpOf<'layerNorm'>>): string {
  const { draft: d } = e;
  const x = first(e.ins);
  if (!isMap(first(e.shapes))) return normOverLast(e, x);
  const last = d.emit('Transpose', [x], { perm: ints([0, 2, 3, 1]) });
  return d.emit('Transpose', [normOverLast(e, last)], { perm: ints([0, 3, 1, 2]) });
}

/** The layer norm of a value with its channels last. */
export function normOverLast(
  { draft: d, shapes, op, weight, named }: Emission<OpOf<'layerNorm'>>,
  x: string,
): string {
  const c = channelsOf(first(shapes));
  const [gamma, beta] = [weight('gamma'), weight('beta')];
  const scale = gamma
    ? d.weight(gamma, () => d.constant('float32', [c], materialize(gamma), named('gamma')))
    : d.weight(`${c} times 1`, () => d.constant('float32', [c], new Float32Array(c).fill(1)));
  const offset = beta
    ? [d.weight(beta, () => d.constant('float32', [c], materialize(beta), named('beta')))]
    : [];
  return d.emit('LayerNormalization', [x, scale, ...offset], { axis: int(-1), epsilon: float(op.eps) });
}

/** The instance norm of groups as channels, then scale and offset, as PyTorch's exporter writes it. */
export function emitGroupNorm(e: Emission<OpOf<'groupNorm'>>): string {
  const { draft: d, op } = e;
  const shape = first(e.shapes);
  const to = (value: string, sizes: readonly number[]): string =>
    d.emit('Reshape', [value, d.constant('int64', [sizes.length], sizes)]);
  const same = (value: number): string =>
    d.weight(`${op.groups} times ${value}`, () =>
      d.constant('float32', [op.groups], new Float32Array(op.groups).fill(value)),
    );
  const groups = to(first(e.ins), [0, op.groups, -1]);
  const normed = d.emit('InstanceNormalization', [groups, same(1), same(0)], { epsilon: float(op.eps) });
  const [h, w] = shape;
  const whole = to(normed, isMap(shape) ? [0, channelsOf(shape), h, w ?? 1] : [0, channelsOf(shape)]);
  const scaled = op.scale ? d.emit('Mul', [whole, channelVector(e, 'gamma')]) : whole;
  return op.offset ? d.emit('Add', [scaled, channelVector(e, 'beta')]) : scaled;
}

/** x (1 + gamma n) + beta, where the bracket is one number a channel: two passes over the map beside the norms. */
export function emitResponseNorm(e: Emission, eps: number): string {
  const { draft: d } = e;
  const x = first(e.ins);
  const axes = (...list: number[]): string => d.constant('int64', [list.length], list);
  const scalar = (value: number): string => d.constant('float32', [], Float32Array.of(value));
  const [h = 1, w = 1] = first(e.shapes);
  // the mean of squares by a pool, which onnxruntime computes several times as fast as ReduceL2
  const means = d.emit('GlobalAveragePool', [d.emit('Mul', [x, x])]);
  const norms = d.emit('Sqrt', [d.emit('Mul', [means, scalar(h * w)])]);
  const mean = d.emit('ReduceMean', [norms, axes(1)], { keepdims: int(1) });
  const shares = d.emit('Div', [norms, d.emit('Add', [mean, scalar(eps)])]);
  const factors = d.emit('Add', [d.emit('Mul', [shares, channelVector(e, 'gamma')]), scalar(1)]);
  return d.emit('Add', [d.emit('Mul', [x, factors]), channelVector(e, 'beta')]);
}

/** x and a 1x1 conv of a constant, which runtimes compute once when they load the model. */
export function emitPositions({
  draft: d,
  ins,
  shapes,
  op,
  weight,
  named,
}: Emission<OpOf<'positions'>>): string {
  const { features: n } = op;
  const [h = 1, w = 1, c = 1]: readonly number[] = first(shapes);
  const [kernel, bias] = [defined(weight('kernel'), 'kernel'), defined(weight('bias'), 'bias')];
  const turned = (data: Float32Array, rows: number, columns: number): Float32Array =>
    Float32Array.from(data, (_, i) => data[(i % rows) * columns + Math.floor(i / rows)]!);
  const map = d.weight(`positions of ${h} x ${w}: ${n}, ${op.temperature}`, () =>
    d.constant('float32', [1, n, h, w], turned(positionFeatures(op, [h, w]), h * w, n)),
  );
  const stored = d.weight(kernel, () =>
    d.constant('float32', [c, n, 1, 1], turned(materialize(kernel), n, c), named('kernel')),
  );
  const added = d.weight(bias, () => d.constant('float32', [c], materialize(bias), named('bias')));
  return d.emit('Add', [first(ins), d.emit('Conv', [map, stored, added], { kernel_shape: ints([1, 1]) })]);
}

/** ONNX has its kernel as [in, out / groups, kh, kw]. */
export function emitConvTranspose({
  draft: d,
  ins,
  shapes,
  op,
  weight,
  named,
}: Emission<OpOf<'convTranspose'>>): string {
  const shape = first(shapes);
  const kernel = defined(weight('kernel'), 'kernel');
  const bias = weight('bias');
  const { pads, outputPadding } = slideBack(shape, op);
  const stored = d.weight(kernel, () => {
    const [channels, outs] = [channelsOf(shape), op.out / op.groups];
    const data = transposedKernel(materialize(kernel), op.kernel[0] * op.kernel[1], channels, op);
    return d.constant('float32', [channels, outs, ...op.kernel], data, named('kernel'));
  });
  const added = bias
    ? [d.weight(bias, () => d.constant('float32', [op.out], materialize(bias), named('bias')))]
    : [];
  return d.emit('ConvTranspose', [first(ins), stored, ...added], {
    kernel_shape: ints(op.kernel),
    strides: ints(op.stride),
    dilations: ints(op.dilation),
    group: int(op.groups),
    pads: ints([pads.top, pads.left, pads.bottom, pads.right]),
    output_padding: ints(outputPadding),
  });
}

/** [kh, kw, in / groups, out] as [in, out / groups, kh, kw]. */
function transposedKernel(
  kernel: Float32Array,
  taps: number,
  channels: number,
  op: OpOf<'convTranspose'>,
): Float32Array {
  const groups = groupsOf(op);
  const [reads, makes] = [channels / groups, op.out / groups];
  const data = new Float32Array(kernel.length);
  for (let c = 0; c < channels; c++)
    for (let o = 0; o < makes; o++)
      for (let t = 0; t < taps; t++)
        data[(c * makes + o) * taps + t] =
          kernel[(t * reads + (c % reads)) * op.out + Math.floor(c / reads) * makes + o]!;
  return data;
}

const coordinates = { centres: 'half_pixel', corners: 'align_corners', edges: 'asymmetric' } as const;
/**
 * All four sizes, of which the batch is read from the value: with the attribute `axes`, onnxruntime 1.30 refuses a Resize
 * between two Transposes, since its optimizer moves them through it and permutes sizes as if there were four.
 */
export function emitResize({ draft: d, ins, op }: Emission<OpOf<'resize'>>): string {
  const x = first(ins);
  const numbers = (...list: number[]): string => d.constant('int64', [list.length], list);
  const kept = d.emit('Slice', [d.emit('Shape', [x]), numbers(0), numbers(2)]);
  const sizes = d.emit('Concat', [kept, numbers(...op.size)], { axis: int(0) });
  return d.emit('Resize', [x, '', '', sizes], {
    mode: string(op.fn === 'nearest' ? 'nearest' : 'linear'),
    coordinate_transformation_mode: string(coordinates[op.align]),
    ...(op.fn === 'nearest'
      ? { nearest_mode: string(op.align === 'centres' ? 'round_prefer_ceil' : 'floor') }
      : {}),
  });
}

/** A batch norm in inference; between rounded values as a conv of codes. */
export function emitNorm(e: Emission<Norm>): string {
  const { draft: d, op, integerNorm } = e;
  const [x, c] = [first(e.ins), channelsOf(first(e.shapes))];
  if (integerNorm)
    return d.emit('Conv', normOperands(d, x, integerNorm, normAffine(e.weight, op.eps)), { group: int(c) });
  const vector = (slot: Slot, otherwise: number): string => {
    const stored = e.weight(slot);
    if (stored) return d.weight(stored, () => d.constant('float32', [c], materialize(stored), e.named(slot)));
    return d.weight(`${c} times ${otherwise}`, () =>
      d.constant('float32', [c], new Float32Array(c).fill(otherwise)),
    );
  };
  const vectors = [vector('gamma', 1), vector('beta', 0), vector('mean', 0), vector('variance', 1)];
  return d.emit('BatchNormalization', [x, ...vectors], { epsilon: float(op.eps) });
}

/**
 * Zeros around a map, then a crop as a Slice: MNN takes from the end what a negative pad takes from the front, and ONNX's reference
 * evaluator has no negative pads.
 */
export function emitPad(
  d: Draft,
  x: string,
  shape: Shape,
  [top, right, bottom, left]: OpOf<'pad'>['pads'],
): string {
  const more = (n: number): number => Math.max(n, 0);
  const padded = [0, 0, more(top), more(left), 0, 0, more(bottom), more(right)];
  const whole = padded.some((n) => n > 0) ? d.emit('Pad', [x, d.constant('int64', [8], padded)]) : x;
  if (whole !== x && Math.min(top, right, bottom, left) >= 0) return whole;
  const [h = 1, w = 1]: readonly number[] = shape;
  const pair = (values: readonly number[]): string => d.constant('int64', [2], values);
  const to = [more(top) + h + bottom, more(left) + w + right];
  return d.emit('Slice', [whole, pair([more(-top), more(-left)]), pair(to), pair([2, 3])]);
}

/** A pool of values; what it adds around a map counts for nothing. */
export function emitPool(e: Emission & { readonly op: OpOf<'pool'> }): string {
  const { draft: d, op } = e;
  const x = first(e.ins);
  const { fn, size, stride, padding } = op;
  // onnxruntime 1.30 takes a Pad into a pool behind it, where its zeros count for nothing; not one that lists its axes
  const at = d.nodes.findLastIndex(({ opType, outputs }) => opType === 'Pad' && outputs[0] === x);
  const node = d.nodes[at];
  if (node?.inputs.length === 2)
    d.nodes[at] = { ...node, inputs: [...node.inputs, '', d.constant('int64', [4], [0, 1, 2, 3])] };
  return d.emit(fn === 'max' ? 'MaxPool' : 'AveragePool', [x], {
    kernel_shape: ints(size),
    strides: ints(stride),
    pads: ints(padsOf(first(e.shapes), size, stride, [1, 1], padding)),
    ...(fn === 'avg' ? { count_include_pad: int(0) } : {}),
  });
}

/** ONNX's order: top, left, bottom, right. */
export function padsOf(shape: Shape, kernel: Pair, stride: Pair, dilation: Pair, padding: Padding): number[] {
  const { top, left, bottom, right } = slide(shape, { kernel, stride, dilation, padding }).pads;
  return [top, left, bottom, right];
}
