/** @file Elementwise ops: activations, arithmetic with constants by channel, sums and products of values. */
import { type Activation, isMap } from '../../../graph/index.ts';
import type { Call, Live, Value } from '../call.ts';
import { type Constant, countOf, scalarOf } from '../constant.ts';
import { flattened, orderChannels, unmixed, unreadable } from '../layout.ts';
import { responseNormProduct, responseNormSum } from '../norm-patterns.ts';
import { asActivation, asHardSigmoid, asQuantize } from '../patterns.ts';
import {
  type Axes,
  type Axis,
  isOnly,
  isRepeated,
  isWhole,
  offsetsOf,
  sameAxes,
  sameAxis,
  sizeOfAxis,
} from '../view.ts';
import { biasedScores, linearAttention, separableAttention, shares, weights } from './attention.ts';
import { channelWeights, flooredNorm, unitOf } from './channel-attention.ts';
import { repeated } from './mix.ts';
import { quotient, responseNorm } from './norms.ts';
import { addedPositions } from './positions.ts';

const same = (call: Call, x: Live, id: string): readonly Value[] => call.result(id, x.axes);

/** An activation that we have. */
export const activation =
  (fn: Activation) =>
  (call: Call): readonly Value[] => {
    const x = call.live(0);
    return same(call, x, call.draft.emit(call.path, { kind: 'act', fn }, [x.id]));
  };

export function softmax(call: Call): readonly Value[] {
  const x = unmixed(call, call.live(0));
  const axis = call.axis(call.int('axis', call.opset < 13 ? 1 : -1), x.axes.length);
  const attention = channelWeights(call, x, axis) ?? weights(call, x, axis) ?? shares(call, x, axis);
  if (attention) return attention;
  const reduced = call.opset < 13 ? x.axes.slice(axis).flat() : (x.axes[axis] ?? []);
  if (!isOnly(reduced, 'c') || sizeOfAxis(reduced) !== call.draft.channels(x.id))
    return call.fail('its axis is not that of the channels');
  return activation('softmax')(call);
}

/** clip(alpha x + beta, 0, 1) = hardSigmoid(6 alpha x + 6 (beta - 0.5)). */
export function hardSigmoid(call: Call): readonly Value[] {
  const x = call.live(0);
  const { draft, path } = call;
  const [alpha, beta] = [call.float('alpha', 0.2), call.float('beta', 0.5)];
  const factor = Math.abs(6 * alpha - 1) < 1e-6 ? 1 : 6 * alpha; // 1 / 6 in float32
  const scaled = draft.scaled(`${path}/scale`, x.id, factor, 6 * (beta - 0.5));
  return same(call, x, draft.emit(path, { kind: 'act', fn: 'hardSigmoid' }, [scaled]));
}

/** x where it is positive, else slope x: slope x + (1 - slope) relu(x), with a slope for each channel. */
function leaky(call: Call, x: Live, slope: Float64Array): readonly Value[] {
  const { draft, path } = call;
  const none = new Float64Array(slope.length);
  const relu = draft.emit(`${path}/relu`, { kind: 'act', fn: 'relu' }, [x.id]);
  const positive = draft.affine(
    `${path}/positive`,
    relu,
    slope.map((s) => 1 - s),
    none,
  );
  const negative = draft.affine(`${path}/slope`, x.id, slope, none);
  return same(call, x, draft.emit(path, { kind: 'add' }, [negative, positive]));
}
export function leakyRelu(call: Call): readonly Value[] {
  const x = call.live(0);
  return leaky(call, x, new Float64Array(call.draft.channels(x.id)).fill(call.float('alpha', 0.01)));
}
export function pRelu(call: Call): readonly Value[] {
  const x = unmixed(call, call.live(0));
  return leaky(call, x, byChannel(call, x, call.constant(1)));
}

/** |x| = relu(x) + relu(-x). */
export function abs(call: Call): readonly Value[] {
  const x = call.live(0);
  const { draft, path } = call;
  const [up, negated] = [
    draft.emit(`${path}/relu`, { kind: 'act', fn: 'relu' }, [x.id]),
    draft.emit(`${path}/negate`, { kind: 'act', fn: 'negate' }, [x.id]),
  ];
  const down = draft.emit(`${path}/relu`, { kind: 'act', fn: 'relu' }, [negated]);
  return same(call, x, draft.emit(path, { kind: 'add' }, [up, down]));
}

/** Clip, Min and Max with one number each. */
export function clip(call: Call): readonly Value[] {
  const x = call.live(0);
  const bound = (index: number, name: string, otherwise: number): number => {
    const constant = call.optional(index);
    if (!constant) return call.float(name, otherwise);
    return scalarOf(constant) ?? call.fail('a bound by channel has no counterpart');
  };
  return same(
    call,
    x,
    clipped(call, x.id, bound(1, 'min', Number.NEGATIVE_INFINITY), bound(2, 'max', Number.POSITIVE_INFINITY)),
  );
}
export function extreme(call: Call): readonly Value[] {
  const live = call.inputs.findIndex((value) => value?.kind === 'live');
  const x = call.live(live);
  let id = x.id;
  call.inputs.forEach((_, i) => {
    if (i === live) return;
    const limit =
      scalarOf(call.constant(i)) ?? call.fail('the larger or smaller of two values has no counterpart');
    const isMin = call.node.opType === 'Min';
    id = clipped(
      call,
      id,
      isMin ? Number.NEGATIVE_INFINITY : limit,
      isMin ? limit : Number.POSITIVE_INFINITY,
    );
  });
  return same(call, x, id);
}

/** Values between two bounds, by relu6 and relu. */
function clipped(call: Call, id: string, given: number, high: number): string {
  const { draft, path } = call;
  const steps = codes(call, id, given, high) ?? flooredNorm(call, id, given, high);
  if (steps !== undefined) return steps;
  const act = (fn: Activation, of: string): string => draft.emit(path, { kind: 'act', fn }, [of]);
  // min(relu(x), high) is a clip from 0 up
  const { op, inputs } = draft.node(id);
  const isRelu = op.kind === 'act' && op.fn === 'relu' && given < 0 && high > 0;
  const [x = id] = isRelu ? inputs : [id];
  const low = isRelu ? 0 : given;
  if (!(low < high)) return call.fail(`bounds ${low} and ${high} have no counterpart`);
  // some exporters write the largest float for no bound
  const [hasLow, hasHigh] = [low > -3e38, high < 3e38];
  if (!hasLow && !hasHigh) return id;
  const scaled = (of: string, scale: number, offset: number): string =>
    draft.scaled(`${path}/scale`, of, scale, offset);
  if (!hasHigh) return scaled(act('relu', scaled(x, 1, -low)), 1, low);
  if (!hasLow) return scaled(act('relu', scaled(x, -1, high)), -1, high);
  const factor = 6 / (high - low);
  return scaled(act('relu6', scaled(x, factor, -low * factor)), 1 / factor, low);
}

/** Gelu by its definition: x normal(x), or the approximation by tanh. */
export function gelu(call: Call): readonly Value[] {
  return activation(call.text('approximate', 'none') === 'tanh' ? 'geluTanh' : 'gelu')(call);
}
export function round(call: Call): readonly Value[] {
  const x = call.live(0);
  return same(call, x, call.draft.emit(call.path, { kind: 'round' }, [x.id]));
}

/** Rounded values between two bounds that are codes of some bits around a zero point: steps of 1. */
function codes(call: Call, id: string, low: number, high: number): string | undefined {
  const { op, inputs } = call.draft.node(id);
  const bits = Math.log2(high - low + 1);
  const isCodes =
    op.kind === 'round' && Number.isInteger(low) && Number.isInteger(bits) && bits >= 2 && bits <= 8;
  if (!isCodes || low > 0 || high < 0) return undefined;
  const signed = low === -(2 ** (bits - 1));
  return call.draft.emit(
    call.path,
    { kind: 'quantize', scale: 1, zero: signed ? 0 : 0 - low, bits, signed },
    inputs,
  );
}

export function erf(call: Call): readonly Value[] {
  const x = call.live(0);
  return same(call, x, call.draft.emit(call.path, { kind: 'erf' }, [x.id]));
}

/** The values of a constant by our channels. @throws Unreadable when it varies along another axis. */
function byChannel(call: Call, x: Live, constant: Constant): Float64Array {
  const { shape } = constant;
  const c = call.draft.channels(x.id);
  const rank = x.axes.length;
  if (shape.length > rank) {
    const extra = shape.slice(0, shape.length - rank);
    if (countOf(extra) !== 1) return call.fail(`a constant of shape [${shape.join(', ')}] for ${rank} axes`);
  }
  const dims = x.axes.map((_, i) => shape[i - rank + shape.length] ?? 1);
  let indices: readonly { channel: number; place: number }[] = [{ channel: 0, place: 0 }];
  x.axes.forEach((axis, i) => {
    const dim = dims[i] ?? 1;
    const isChannel = axis.some(({ base }) => base === 'c');
    if (dim !== 1 && (!isOnly(axis, 'c') || dim !== sizeOfAxis(axis)))
      call.fail(`a constant of shape [${shape.join(', ')}] varies over places, which has no counterpart`);
    if (!isChannel) return;
    const offsets = offsetsOf(axis.filter(({ base }) => base === 'c'));
    indices = indices.flatMap(({ channel, place }) =>
      offsets.map((offset, k) => ({
        channel: channel + offset,
        place: place * (dim === 1 ? 1 : dim) + (dim === 1 ? 0 : k),
      })),
    );
  });
  const values = new Float64Array(c);
  for (const { channel, place } of indices) values[channel] = constant.data[place] ?? 0;
  return values;
}

/** Add, Sub, Mul and Div, with constants or of two values. */
export function arithmetic(call: Call): readonly Value[] {
  const [a, b] = [call.value(0), call.value(1)];
  const { opType } = call.node;
  if (a.kind === 'live' && b.kind === 'live') return ofTwo(call, a, b);
  const given = a.kind === 'live' ? a : call.live(1);
  const x = unmixed(call, given);
  const constant = a.kind === 'live' ? call.constant(1) : call.constant(0);
  const biased =
    opType === 'Add' ? (biasedScores(call, x, constant) ?? addedPositions(call, x, constant)) : undefined;
  if (biased) return biased;
  const values = byChannel(call, x, constant);
  const one = new Float64Array(values.length).fill(1);
  const none = new Float64Array(values.length);
  const { draft, path } = call;
  const affine = (scale: Float64Array, offset: Float64Array): readonly Value[] =>
    same(
      call,
      x,
      asQuantize(draft, path, asHardSigmoid(draft, path, draft.affine(path, x.id, scale, offset))),
    );
  if (opType === 'Add') return affine(one, values);
  if (opType === 'Mul') return affine(values, none);
  if (opType === 'Sub')
    return a.kind === 'live'
      ? affine(
          one,
          values.map((v) => -v),
        )
      : affine(
          one.map((v) => -v),
          values,
        );
  if (a.kind !== 'live') return call.fail('divides by a value of the net, which has no counterpart');
  return affine(
    values.map((v) => 1 / v),
    none,
  );
}

/** Sum of several values. */
export function sum(call: Call): readonly Value[] {
  const values = call.inputs.map((_, i) => call.live(i));
  const [first, ...rest] = values;
  if (!first) return call.fail('has no inputs');
  let total: readonly Value[] = [first];
  for (const x of rest) {
    const [before] = total;
    if (before?.kind === 'live') total = ofTwo(call, before, x, 'Add');
  }
  return total;
}

/** x to the power of 1, 2, 3 or 4. */
export function power(call: Call): readonly Value[] {
  const x = call.live(0);
  const exponent = scalarOf(call.constant(1)) ?? 0;
  if (![1, 2, 3, 4].includes(exponent)) return call.fail(`the power ${exponent} has no counterpart`);
  let id = x.id;
  for (let i = 1; i < exponent; i++) id = call.draft.emit(call.path, { kind: 'mul' }, [id, x.id]);
  return same(call, x, id);
}

/** The same layout for both, or a gate by channel for one of them. */
function ofTwo(call: Call, one: Live, other: Live, opType = call.node.opType): readonly Value[] {
  const unit = opType === 'Div' ? unitOf(call, one.id, other.id) : undefined;
  if (unit !== undefined) return same(call, one, unit);
  if (opType === 'Div') return linearAttention(call, one, other) ?? quotient(call, one, other);
  const separable = opType === 'Mul' ? separableAttention(call, one, other) : undefined;
  if (separable) return separable;
  const [first, second] = sameAxes(one.axes, other.axes)
    ? [one, other]
    : [unmixed(call, one), unmixed(call, other)];
  const { draft, path } = call;
  const isProduct = opType === 'Mul';
  const [a, b] = aligned(call, first, second);
  const axes = joinedAxes(call, a, b);
  const vectors = [a, b].filter((x) => !isMap(draft.shape(x.id))).length;
  const asVectors = vectors === 2 || (vectors === 1 && !isProduct);
  const ids = [a, b].map((x) => spread(call, x, axes, { isProduct, asVectors }));
  const [left = a.id, right = b.id] = ids;
  const subtracted =
    opType === 'Sub' ? draft.emit(`${path}/negate`, { kind: 'act', fn: 'negate' }, [right]) : right;
  const whole = isProduct ? undefined : responseNormSum(draft, left, subtracted);
  if (whole) return call.result(responseNorm(call, whole), axes);
  if (!isProduct) return call.result(draft.emit(path, { kind: 'add' }, [left, subtracted]), axes);
  const known =
    draft.shape(left).length === draft.shape(right).length
      ? asActivation(draft, path, left, right)
      : undefined;
  // a gate [c] is the second input
  const [map, gate] = isMap(draft.shape(left)) ? [left, right] : [right, left];
  const product = responseNormProduct(draft, map, gate);
  if (product) return call.result(responseNorm(call, product), axes);
  return call.result(known ?? draft.emit(path, { kind: 'mul' }, [map, gate]), axes);
}

/** Both with as many axes, and with their channels in one order. */
function aligned(call: Call, a: Live, b: Live): readonly [Live, Live] {
  const rank = Math.max(a.axes.length, b.axes.length);
  const padded = (x: Live): Live => ({
    ...x,
    axes: [...Array.from({ length: rank - x.axes.length }, (): Axis => []), ...x.axes],
  });
  const [left, right] = [padded(a), padded(b)];
  const differs = left.axes.some((axis, i) => {
    const other = right.axes[i] ?? [];
    return (
      !sameAxis(axis, other) &&
      isOnly(axis, 'c') &&
      isOnly(other, 'c') &&
      sizeOfAxis(axis) === sizeOfAxis(other)
    );
  });
  if (!differs) return [left, right];
  const ordered = (x: Live): Live => {
    const index = x.axes.findIndex((axis) => axis.length && isOnly(axis, 'c'));
    return index < 0 || isWhole(x.axes[index] ?? [], 'c', call.draft.channels(x.id))
      ? x
      : orderChannels(call, x, index);
  };
  return [ordered(left), ordered(right)];
}

/** The axes of what two values give together. */
function joinedAxes(call: Call, a: Live, b: Live): Axes {
  return a.axes.map((axis, i) => {
    const other = b.axes[i] ?? [];
    if (sameAxis(axis, other) || isRepeated(other)) return axis.length || !other.length ? axis : other;
    if (isRepeated(axis)) return other;
    return call.fail(`${unreadable(a)}, and the other input another one`);
  });
}

/** A value as the other operand needs it: of all channels, and for a sum of all places. */
function spread(
  call: Call,
  x: Live,
  axes: Axes,
  { isProduct, asVectors }: { readonly isProduct: boolean; readonly asVectors: boolean },
): string {
  const bases = (list: Axes, base: 'h' | 'w' | 'c'): number =>
    list.flat().reduce((n, atom) => (atom.base === base ? n * atom.size : n), 1);
  const c = bases(axes, 'c');
  const places = bases(axes, 'h') * bases(axes, 'w');
  let value = x;
  const own = bases(x.axes, 'h') * bases(x.axes, 'w');
  if (own === 1 && (asVectors || places > 1)) value = flattened(call, x);
  if (own !== places && !isProduct)
    return call.fail('adds a vector to every place of a map, which has no counterpart');
  if (bases(x.axes, 'c') === c) return value.id;
  return repeated(call, value.id, c);
}
