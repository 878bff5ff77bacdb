/** @file Layers with weights: Conv, Gemm, MatMul with a constant, BatchNormalization. */
import { item } from '../../../access.ts';
import { isMap, type Pair, shiftTap, slide } from '../../../graph/index.ts';
import { deferred, float, type Weight, withCodes } from '../../../weights/index.ts';
import type { Call, Live, Value } from '../call.ts';
import { type Constant, countOf, floatsOf, later, transposed } from '../constant.ts';
import type { Layer } from '../draft.ts';
import { asMap, asVector, channelAxis, channelsFirst, unmixed } from '../layout.ts';
import { type Axis, offsetsOf, whole } from '../view.ts';
import { product } from './attention.ts';
import { channelMeans } from './channel-attention.ts';
import { pointwise } from './mix.ts';
import { projection } from './positions.ts';
import { pair, type Window, windowOf, withPads } from './windows.ts';

/** A constant as a weight: integers where it was dequantized from them. */
export function weightOf(constant: Constant): Weight {
  const { codes, shape } = constant;
  const channels = shape.at(-1) ?? 1;
  const isOurs =
    codes &&
    (codes.scales.length === 1 || (codes.axis === shape.length - 1 && codes.scales.length === channels));
  return isOurs
    ? withCodes(shape, codes.bits ?? 8, codes.data, codes.scales)
    : deferred(shape, () => alone(floatsOf(constant)));
}
/** An array that keeps no more memory than it needs. */
const alone = (data: Float32Array): Float32Array =>
  data.byteLength < data.buffer.byteLength ? data.slice() : data;

/** The weights of a layer: its kernel as given, and the initializers that it comes from. */
function layerOf(kernel: Constant, kernelName: string | undefined, bias: Constant | undefined): Layer {
  return {
    slots: {
      kernel: weightOf(kernel),
      ...(bias ? { bias: float([countOf(bias.shape)], floatsOf(bias)) } : {}),
    },
    names: {
      ...(kernelName === undefined ? {} : { kernel: kernelName }),
      ...(bias?.name === undefined ? {} : { bias: bias.name }),
    },
  };
}

/** Conv: kernel_OIHW becomes kernel_HWIO. */
export function conv(call: Call): readonly Value[] {
  if (call.value(0).kind === 'constant') return projection(call);
  const kernel = call.constant(1);
  const bias = call.optional(2);
  if (kernel.shape.length !== 4)
    call.fail(`a kernel of ${kernel.shape.length} axes; only convs over height and width have a counterpart`);
  const x = asMap(call, call.live(0));
  const [out = 1, inner = 1, kh = 1, kw = 1] = kernel.shape;
  const groups = call.int('group', 1);
  const c = call.draft.channels(x.id);
  if (c !== inner * groups) call.fail(`reads ${c} channels, and its kernel needs ${inner * groups}`);
  if (bias && countOf(bias.shape) !== out)
    call.fail(`a bias of ${countOf(bias.shape)} values for ${out} channels`);
  const window = windowOf(call, pair(call, 'kernel_shape', [kh, kw]), x.shape);
  if (window.kernel[0] !== kh || window.kernel[1] !== kw)
    call.fail('kernel_shape differs from the shape of the kernel');
  const batch = x.axes[0] ?? [];
  if (!isMap(x.shape)) return overOnePlace(call, x.id, { kernel, bias, groups, window, batch });
  const { id, window: padded } = withPads(call, x.id, window);
  const { draft, path } = call;
  if (isShift(kernel, { ...padded, groups }, bias))
    return call.result(
      kh === 1 ? id : draft.emit(path, { kind: 'shift', kernel: kh }, [id]),
      channelsFirst(batch, x.shape),
    );
  const op = { kind: 'conv', out, ...padded, groups, bias: bias !== undefined } as const;
  const made = draft.emit(path, op, [id], layerOf(transposed(kernel, [2, 3, 1, 0]), kernel.name, bias));
  return call.result(made, channelsFirst(batch, draft.shape(made)));
}

/** Depthwise filters of single ones, in the order of the op `shift`. */
function isShift(
  kernel: Constant,
  o: Window & { readonly groups: number },
  bias: Constant | undefined,
): boolean {
  const [out = 1, inner = 1, kh = 1, kw = 1] = kernel.shape;
  const single = o.stride.every((n) => n === 1) && o.dilation.every((n) => n === 1) && o.padding === 'same';
  if (bias || !single || inner !== 1 || out !== o.groups || kh !== kw || kh % 2 === 0) return false;
  const { data } = kernel;
  for (let c = 0, at = 0; c < out; c++)
    for (let i = 0, tap = shiftTap(c, out, kh); i < kh * kw; i++, at++)
      if (data[at] !== (i === tap ? 1 : 0)) return false;
  return true;
}

interface Filter {
  readonly kernel: Constant;
  readonly bias: Constant | undefined;
  readonly groups: number;
  readonly window: Window;
  readonly batch: Axis;
}

/** A conv over a map of one place is a dense layer of the tap that meets it. */
function overOnePlace(
  call: Call,
  id: string,
  { kernel, bias, groups, window, batch }: Filter,
): readonly Value[] {
  const { size, pads } = slide([1, 1], window);
  const [kh, kw] = window.kernel;
  const tap: Pair = [pads.top / window.dilation[0], pads.left / window.dilation[1]];
  if (size[0] !== 1 || size[1] !== 1) call.fail('makes a map of a single place');
  const [out = 1, inner = 1] = kernel.shape;
  const inside = tap[0] < kh && tap[1] < kw && tap.every(Number.isInteger);
  const { draft, path } = call;
  const isSingle = kh === 1 && kw === 1;
  const taps = isSingle
    ? kernel
    : only(kernel, out * inner, kh * kw, inside ? tap[0] * kw + tap[1] : undefined);
  const matrix = later({ kind: 'constant', dtype: taps.dtype, shape: [out, inner] }, () => taps.data);
  if (groups === 1) {
    const layer = layerOf(transposed(matrix, [1, 0]), isSingle ? kernel.name : undefined, bias);
    const made = draft.emit(path, { kind: 'dense', out, bias: bias !== undefined }, [id], layer);
    return call.result(made, channelsFirst(batch, draft.shape(made)));
  }
  if (inner !== 1 || out !== groups) return call.fail(`${groups} groups over a vector have no counterpart`);
  const offset = Float64Array.from({ length: out }, (_, o) => bias?.data[o] ?? 0);
  const made = draft.affine(path, id, Float64Array.from(floatsOf(matrix)), offset);
  return call.result(made, channelsFirst(batch, draft.shape(made)));
}

/** One tap of each filter. */
function only({ dtype, data }: Constant, filters: number, taps: number, tap: number | undefined): Constant {
  const values = Float32Array.from({ length: filters }, (_, i) =>
    tap === undefined ? 0 : (data[i * taps + tap] ?? 0),
  );
  return { kind: 'constant', dtype, shape: [filters], data: values };
}

/** A kernel [in, out] whose rows follow the order of the vector that it reads. */
function ordered(kernel: Constant, order: readonly number[] | undefined): Constant {
  if (!order) return kernel;
  const [inner = 1, out = 1] = kernel.shape;
  const make = (): Float32Array => {
    const data = new Float32Array(inner * out);
    const from = floatsOf(kernel);
    order.forEach((row, i) => {
      data.set(from.subarray(i * out, (i + 1) * out), row * out);
    });
    return data;
  };
  const codes = kernel.codes && { ...kernel.codes, data: new Int8Array(inner * out) };
  if (codes)
    order.forEach((row, i) => {
      codes.data.set(kernel.codes?.data.subarray(i * out, (i + 1) * out) ?? [], row * out);
    });
  return later(
    { kind: 'constant', dtype: 'float32', shape: kernel.shape, ...(codes ? { codes } : {}) },
    make,
  );
}

/** Gemm: alpha A B + beta C. */
export function gemm(call: Call): readonly Value[] {
  const [alpha, beta] = [call.float('alpha', 1), call.float('beta', 1)];
  if (call.int('transA', 0)) call.fail('transA has no counterpart');
  const given = call.constant(1);
  const kernel = call.int('transB', 0) ? transposed(given, [1, 0]) : given;
  const c = call.optional(2);
  const [, out = 1] = kernel.shape;
  const bias = c && scaledBias(c, beta, out);
  return dense(call, scaledKernel(kernel, alpha), alpha === 1 ? given.name : undefined, bias);
}
const scaledKernel = (kernel: Constant, alpha: number): Constant =>
  alpha === 1
    ? kernel
    : {
        kind: 'constant',
        dtype: 'float32',
        shape: kernel.shape,
        data: floatsOf(kernel).map((v) => v * alpha),
      };
function scaledBias(c: Constant, beta: number, out: number): Constant {
  const [value = 0] = [c.data[0]];
  const data = c.data.length === 1 && out > 1 ? new Float32Array(out).fill(value) : floatsOf(c);
  const name = beta === 1 && c.data.length === out && c.name !== undefined ? { name: c.name } : {};
  return {
    kind: 'constant',
    dtype: 'float32',
    shape: [out],
    data: beta === 1 ? data : data.map((v) => v * beta),
    ...name,
  };
}

/** A matrix [in, out] times the last axis. */
function dense(
  call: Call,
  kernel: Constant,
  name: string | undefined,
  bias: Constant | undefined,
): readonly Value[] {
  const x = call.live(0);
  const { draft, path } = call;
  const [inner = 1, out = 1] = kernel.shape;
  const last = x.axes.length - 1;
  const axis = item(x.axes, -1);
  // rows of places may be on the axis of the batch
  const others = x.axes.slice(0, last).flatMap((a, i) => (i ? a : a.filter(({ base }) => base !== 'n')));
  const shape = draft.shape(x.id);
  if (x.axes.length < 2) call.fail(`its input has ${x.axes.length} axes; a vector has 2, the batch first`);
  if (bias && bias.data.length !== out) call.fail(`a bias of ${bias.data.length} values for ${out} outputs`);
  if (isMap(shape) && others.length) return perPlace(call, x, kernel, name, bias);
  const { id, order } = asVector(call, x, [axis]);
  if (draft.channels(id) !== inner)
    call.fail(`reads ${draft.channels(id)} values, and its kernel needs ${inner}`);
  const layer = layerOf(ordered(kernel, order), order ? undefined : name, bias);
  const made = draft.emit(path, { kind: 'dense', out, bias: bias !== undefined }, [id], layer);
  return call.result(made, [...x.axes.slice(0, last), whole('c', out)]);
}

/** The same matrix at every place of a map: a 1x1 conv. */
function perPlace(
  call: Call,
  x: Live,
  kernel: Constant,
  name: string | undefined,
  bias: Constant | undefined,
): readonly Value[] {
  const { draft, path } = call;
  const last = x.axes.length - 1;
  const [inner = 1, out = 1] = kernel.shape;
  if (channelAxis(call, x) !== last && draft.channels(x.id) > 1)
    call.fail('multiplies along height or width; only a product over channels has a counterpart');
  if (draft.channels(x.id) !== inner)
    call.fail(`reads ${draft.channels(x.id)} channels, and its kernel needs ${inner}`);
  const order = offsetsOf(item(x.axes, -1));
  const inOrder = order.every((from, i) => from === i);
  const rows = ordered(kernel, inOrder ? undefined : order);
  const { dtype, codes } = rows;
  const turned = codes ? { codes: { ...codes, axis: codes.axis + 2 } } : {};
  const shape = [1, 1, inner, out];
  const filter = later({ kind: 'constant', dtype, shape, ...turned }, () => rows.data);
  const layer = layerOf(filter, inOrder ? name : undefined, bias);
  const made = draft.emit(path, { ...pointwise, out, bias: bias !== undefined }, [x.id], layer);
  return call.result(made, [...x.axes.slice(0, last), whole('c', out)]);
}

/** MatMul of a value with a constant matrix. */
export function matMul(call: Call): readonly Value[] {
  const [a, b] = [call.value(0), call.value(1)];
  if (a.kind === 'live' && b.kind === 'live') return channelMeans(call, a, b) ?? product(call, a, b);
  const kernel = call.constant(1);
  return kernel.shape.length === 2
    ? dense(call, kernel, kernel.name, undefined)
    : call.fail(`a constant of ${kernel.shape.length} axes; only matrices have a counterpart`);
}

/** BatchNormalization in inference mode. */
export function batchNorm(call: Call): readonly Value[] {
  const x = unmixed(call, call.live(0));
  if (call.int('training_mode', 0))
    call.fail('training_mode has no counterpart; export the model in evaluation mode');
  const { draft, path } = call;
  const c = draft.channels(x.id);
  const axis = x.axes[1] ?? [];
  const slots = (['gamma', 'beta', 'mean', 'variance'] as const).map((slot, i) => {
    const constant = call.constant(i + 1);
    if (countOf(constant.shape) !== c)
      call.fail(`${slot} has ${countOf(constant.shape)} values for ${c} channels`);
    return [slot, constant] as const;
  });
  const order = offsetsOf(axis);
  if (order.length !== c || axis.some(({ base }) => base !== 'c'))
    call.fail('normalizes an axis that is not that of the channels');
  const inOrder = order.every((from, i) => from === i);
  const vector = (constant: Constant): Float32Array => {
    if (inOrder) return floatsOf(constant);
    const values = new Float32Array(c);
    order.forEach((from, i) => {
      values[from] = constant.data[i] ?? 0;
    });
    return values;
  };
  const layer: Layer = {
    slots: Object.fromEntries(slots.map(([slot, constant]) => [slot, float([c], vector(constant))])),
    names: inOrder
      ? Object.fromEntries(slots.flatMap(([slot, { name }]) => (name === undefined ? [] : [[slot, name]])))
      : {},
  };
  const [eps, momentum] = [call.float('epsilon', 1e-5), call.float('momentum', 0.9)];
  const op = { kind: 'norm', eps, momentum, scale: true, offset: true } as const;
  return call.result(draft.emit(path, op, [x.id], layer), x.axes);
}
