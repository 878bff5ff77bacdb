/**
 * @file Attention, which files have as products of matrices [places, channels] of two values. Its parts are ops of the draft until the
 * last product joins them: `scores` q k, `weights` softmax of them, or for linear attention `outer` k v, its product with q, and the sum
 * of k times q. Of separable attention, `shares` softmax of scores over places, and `sharedMean` of k by them.
 */
import { item } from '../../../access.ts';
import { type Attention, isMap, type Pair, relativePlaces } from '../../../graph/index.ts';
import { float } from '../../../weights/index.ts';
import type { Call, Live, Value } from '../call.ts';
import { type Constant, floatsOf } from '../constant.ts';
import { type Draft, type Layer, type Scores, type Shares, uniform } from '../draft.ts';
import { orderChannels } from '../layout.ts';
import { type Atom, type Axes, type Axis, isOnly, joined, sizeOfAxis } from '../view.ts';
import { bothMixes, type Mix, mixOf, mixSlots } from './talking.ts';

const noCounterpart = 'multiplies two values of the net outside of an attention, which has no counterpart';
const isPlaces = (axis: Axis): boolean => axis.every(({ base }) => base === 'h' || base === 'w');
const isHeads = (axis: Axis): boolean => isOnly(axis, 'c');
const along = (axis: Axis, base: 'h' | 'w'): Atom | undefined => axis.find((atom) => atom.base === base);
const lengthOf = (axis: Axis, base: 'h' | 'w'): number => along(axis, base)?.size ?? 1;

/** One value as matrices of places and channels. */
interface Matrices {
  readonly id: string;
  readonly batch: Axis;
  /** Of windows, on an axis of their own or on that of the batch; undefined where there are none. */
  readonly groups: Axis | undefined;
  readonly apart: boolean;
  readonly heads: Axis;
  readonly places: Axis;
  readonly channels: Axis;
}
/** Channels that do not lie head by head are put in that order. @throws Unreadable where the axes are others. */
export function matrices(call: Call, x: Live, last: 'places' | 'channels'): Matrices {
  const { axes } = x;
  const rank = axes.length;
  const [places, channels] =
    last === 'places' ? [item(axes, -1), item(axes, -2)] : [item(axes, -2), item(axes, -1)];
  const heads = item(axes, -3);
  const [first = [], second] = axes;
  const apart = rank === 5;
  const batch = apart ? first : first.slice(0, first[0]?.base === 'n' ? 1 : 0);
  const merged = first.slice(batch.length);
  const groups = apart ? second : merged.length ? merged : undefined;
  const fits = (rank === 4 || apart) && isPlaces(places) && isHeads(channels) && isHeads(heads);
  const side = joined([...heads, ...channels]);
  if (!fits || !isPlaces(groups ?? []) || sizeOfAxis(side) !== call.draft.channels(x.id))
    return call.fail(noCounterpart);
  const { id } = orderChannels(call, { ...x, axes: [side] }, 0);
  return { id, batch, groups, apart, heads, places, channels };
}

/** Windows or grids of a map of this size, from the places that one of them has. */
function within(call: Call, [h, w]: Pair, { groups, places }: Matrices): Pick<Attention, 'within' | 'size'> {
  if (groups === undefined) return { within: 'whole', size: [1, 1] };
  const [rows, columns] = [along(places, 'h'), along(places, 'w')];
  if ((rows?.step ?? 1) === 1 && (columns?.step ?? 1) === 1)
    return { within: 'windows', size: [rows?.size ?? 1, columns?.size ?? 1] };
  const size: Pair = [h / (rows?.size ?? 1), w / (columns?.size ?? 1)];
  return (rows?.step ?? size[0]) === size[0] && (columns?.step ?? size[1]) === size[1]
    ? { within: 'grid', size }
    : call.fail('attends within windows that have no counterpart');
}

/** A value without a multiplication by one number, and that number. */
function unscaled(draft: Draft, id: string): { readonly id: string; readonly factor: number } {
  const { op, inputs } = draft.node(id);
  const [source] = inputs;
  const factor = op.kind === 'affine' ? (op.scale[0] ?? 0) : 1;
  return op.kind === 'affine' &&
    source !== undefined &&
    factor > 0 &&
    uniform(op.scale, factor) &&
    uniform(op.offset, 0)
    ? { id: source, factor: Number(factor.toPrecision(7)) }
    : { id, factor: 1 };
}

/** MatMul of two values of the net. */
export function product(call: Call, a: Live, b: Live): readonly Value[] {
  const { draft } = call;
  const { op } = draft.node(a.id);
  if (op.kind === 'weights') return means(call, a, op, b);
  const after = mixOf(draft, a.id);
  const mixed = draft.node(after?.of ?? a.id).op;
  if (after && mixed.kind === 'weights') return means(call, a, mixed, b, after.mix);
  if (op.kind === 'shares') return sharedMean(call, a, op, b);
  if (op.kind === 'outer') return numerator(call, a, b);
  const summed = sumOf(draft, a.id);
  if (summed !== undefined) return denominator(call, a, summed, b);
  // heads of one channel have no atom of it
  const [rows, columns] = [item(a.axes, -2), item(a.axes, -1)];
  return isPlaces(columns) && (columns.length || isHeads(rows)) ? outer(call, a, b) : scores(call, a, b);
}

/** q k: [places of q, places of k] for each head. */
function scores(call: Call, a: Live, b: Live): readonly Value[] {
  const { draft, path } = call;
  const [query, key] = [unscaled(draft, a.id), unscaled(draft, b.id)];
  const [q, k] = [
    matrices(call, { ...a, id: query.id }, 'channels'),
    matrices(call, { ...b, id: key.id }, 'places'),
  ];
  const shape = draft.shape(q.id);
  if (!isMap(shape)) return call.fail(noCounterpart);
  const sized = (axis: Axis): Pair => [lengthOf(axis, 'h'), lengthOf(axis, 'w')];
  const op: Scores = {
    kind: 'scores',
    ...within(call, [shape[0], shape[1]], q),
    heads: sizeOfAxis(q.heads),
    scale: Number((query.factor * key.factor).toPrecision(7)),
    bias: false,
    inQuery: sized(q.places),
    inKey: sized(k.places),
    groups: sizeOfAxis(q.groups ?? []),
  };
  const made = draft.emit(path, op, [q.id, k.id]);
  return call.result(made, scoreAxes(q.batch, op, q.apart));
}

/** Scores as the map [groups x places of q, places of k, heads]. */
function scoreAxes(batch: Axis, { groups, heads, inQuery, inKey }: Scores, apart: boolean): Axes {
  const [rows, columns] = [inQuery[0] * inQuery[1], inKey[0] * inKey[1]];
  const axis = (base: 'h' | 'w' | 'c', size: number, step = 1): Axis =>
    size === 1 ? [] : [{ base, size, step }];
  const inner = [axis('c', heads), axis('h', rows), axis('w', columns)];
  const group = axis('h', groups, rows);
  return apart ? [batch, group, ...inner] : [[...batch, ...group], ...inner];
}

/** Scores of a draft, also times one number. */
function scoresAt(
  draft: Draft,
  id: string,
): { readonly op: Scores; readonly inputs: readonly string[]; readonly layer?: Layer } | undefined {
  const { id: source, factor } = unscaled(draft, id);
  const { op, inputs, layer } = draft.node(source);
  // a factor after a bias would be one of the bias, too
  if (op.kind !== 'scores' || (op.bias && factor !== 1)) return undefined;
  return { op: { ...op, scale: op.scale * factor }, inputs, ...(layer ? { layer } : {}) };
}

/** Scores plus a constant, which must depend on head and distance alone; undefined where the value is none. */
export function biasedScores(call: Call, x: Live, constant: Constant): readonly Value[] | undefined {
  const found = scoresAt(call.draft, x.id);
  if (!found || constant.data.length === 1) return undefined;
  const { op, inputs } = found;
  const places = relativePlaces(op);
  const columns = op.inKey[0] * op.inKey[1];
  const values = floatsOf(constant);
  if (op.bias || values.length !== op.heads * places.length)
    return call.fail('adds to the scores of an attention what is no bias of heads and places');
  const table = new Float32Array(columns * op.heads);
  // the first place of q is at each distance from one place of k
  for (let h = 0; h < op.heads; h++)
    for (let j = 0; j < columns; j++) table[j * op.heads + h] = values[h * places.length + j] ?? 0;
  const fits = places.every((place, i) =>
    Array.from({ length: op.heads }, (_, h) => h).every(
      (h) => values[h * places.length + i] === table[place * op.heads + h],
    ),
  );
  if (!fits) return call.fail('adds a bias to an attention that is not one of distances in rows and columns');
  const layer = { slots: { bias: float([...op.inKey, op.heads], table) }, names: {} };
  return call.result(call.draft.emit(call.path, { ...op, bias: true }, inputs, layer), x.axes);
}

/** Softmax of scores over the places of k; undefined where the value is none. */
export function weights(call: Call, x: Live, axis: number): readonly Value[] | undefined {
  const before = mixOf(call.draft, x.id);
  const found = scoresAt(call.draft, before?.of ?? x.id);
  if (!found) return undefined;
  if (axis !== x.axes.length - 1)
    return call.fail('its axis is not that of the places that an attention reads');
  const { op, inputs, layer } = found;
  const mixed = before && { slots: { ...layer?.slots, ...mixSlots(op.heads, [before.mix]) }, names: {} };
  return call.result(call.draft.emit(call.path, { ...op, kind: 'weights' }, inputs, mixed ?? layer), x.axes);
}
/** weights v; the weights may be mixed over heads. */
function means(call: Call, a: Live, op: Omit<Scores, 'kind'>, b: Live, after?: Mix): readonly Value[] {
  const { inputs, layer } = call.draft.node(after ? (call.draft.node(a.id).inputs[0] ?? '') : a.id);
  const v = matrices(call, b, 'channels');
  const { heads, scale, bias, within: kind, size } = op;
  const mixed = bothMixes(heads, layer, after);
  if (mixed && kind !== 'whole') return call.fail('mixes heads of an attention in windows');
  const made = attention(
    call,
    { heads, scale, bias, within: kind, size, form: 'softmax', eps: 0, ...(mixed ? { talking: true } : {}) },
    [...inputs, v.id],
    mixed ?? layer,
  );
  const query = call.draft.shape(made);
  const e = sizeOfAxis(v.channels);
  const [group = [], places = []] = isMap(query) ? placesOf([query[0], query[1]], op) : [];
  return call.result(made, [
    ...(v.apart ? [v.batch, group] : [[...v.batch, ...group]]),
    channel(heads, e),
    places,
    channel(e, 1),
  ]);
}
export const channel = (size: number, step: number): Axis => (size === 1 ? [] : [{ base: 'c', size, step }]);
/** The axis of windows of a map, and that of the places in one. */
function placesOf([h, w]: Pair, { within: kind, size, inQuery }: Omit<Scores, 'kind'>): readonly Axis[] {
  const atom = (base: 'h' | 'w', n: number, step: number): Axis => (n === 1 ? [] : [{ base, size: n, step }]);
  const count: Pair = [h / inQuery[0], w / inQuery[1]];
  const isWindows = kind === 'windows';
  const group = isWindows
    ? [...atom('h', count[0], size[0]), ...atom('w', count[1], size[1])]
    : [...atom('h', count[0], 1), ...atom('w', count[1], 1)];
  const steps = kind === 'grid' ? size : [1, 1];
  return [group, [...atom('h', inQuery[0], steps[0] ?? 1), ...atom('w', inQuery[1], steps[1] ?? 1)]];
}

const attention = (
  call: Call,
  op: Omit<Attention, 'kind'>,
  inputs: readonly string[],
  layer?: Layer,
): string => call.draft.emit(call.path, { kind: 'attention', ...op }, inputs, layer);

/** Softmax of one score a head over the last axis, of places; undefined where the value is none. */
export function shares(call: Call, x: Live, axis: number): readonly Value[] | undefined {
  const { axes } = x;
  const isScores = (axes.length === 4 || axes.length === 5) && axis === axes.length - 1;
  const isPlain =
    isScores && item(axes, -2).length === 0 && isPlaces(item(axes, -1)) && isHeads(item(axes, -3));
  const shape = call.draft.shape(x.id);
  if (!isPlain || !isMap(shape)) return undefined;
  const q = matrices(call, x, 'places');
  if (q.groups && !q.apart) return call.fail(noCounterpart);
  const op: Shares = {
    kind: 'shares',
    ...within(call, [shape[0], shape[1]], q),
    heads: sizeOfAxis(q.heads),
    groups: sizeOfAxis(q.groups ?? []),
  };
  return call.result(call.draft.emit(call.path, op, [q.id]), axes);
}

/** shares k */
function sharedMean(call: Call, a: Live, op: Shares, b: Live): readonly Value[] {
  const k = matrices(call, b, 'channels');
  const [q = ''] = call.draft.node(a.id).inputs;
  const made = call.draft.emit(call.path, { ...op, kind: 'sharedMean' }, [q, k.id]);
  const e = sizeOfAxis(k.channels);
  const groups: Axis = op.groups === 1 ? [] : [{ base: 'h', size: op.groups, step: 1 }];
  const inner = [channel(op.heads, e), [], channel(e, 1)];
  return call.result(made, [k.batch, ...(a.axes.length === 5 ? [groups] : []), ...inner]);
}

/** v times a mean of k by shares; undefined where neither value is one. */
export function separableAttention(call: Call, one: Live, other: Live): readonly Value[] | undefined {
  const { draft } = call;
  const [x, mean] = draft.node(one.id).op.kind === 'sharedMean' ? [other, one] : [one, other];
  const { op, inputs } = draft.node(mean.id);
  if (op.kind !== 'sharedMean') return undefined;
  const v = matrices(call, x, 'channels');
  const { heads, within: kind, size } = op;
  const usual = { form: 'separable', scale: 1, eps: 0, bias: false } as const;
  return call.result(attention(call, { ...usual, heads, within: kind, size }, [...inputs, v.id]), x.axes);
}

/** k v of linear attention: [channels of v, channels of k] for each head. */
function outer(call: Call, a: Live, b: Live): readonly Value[] {
  const [v, k] = [matrices(call, a, 'places'), matrices(call, b, 'channels')];
  if (v.groups || k.groups) return call.fail('is linear attention within windows, which has no counterpart');
  const op = {
    kind: 'outer',
    size: [sizeOfAxis(v.channels), sizeOfAxis(k.channels)],
    heads: sizeOfAxis(v.heads),
  } as const;
  const made = call.draft.emit(call.path, op, [v.id, k.id]);
  const axis = (base: 'h' | 'w' | 'c', size: number): Axis => (size === 1 ? [] : [{ base, size, step: 1 }]);
  return call.result(made, [v.batch, axis('c', op.heads), axis('h', op.size[0]), axis('w', op.size[1])]);
}

/** (k v) q */
function numerator(call: Call, a: Live, b: Live): readonly Value[] {
  const q = matrices(call, b, 'places');
  const { inputs, op } = call.draft.node(a.id);
  const [v = '', k = ''] = inputs;
  const [e = 1] = op.kind === 'outer' ? op.size : [];
  const heads = sizeOfAxis(q.heads);
  const made = call.draft.emit(call.path, { kind: 'numerator', heads, width: e }, [q.id, k, v]);
  return call.result(made, [q.batch, channel(heads, e), channel(e, 1), q.places]);
}

/** The sum over all places of a map: the map; undefined for other values. */
function sumOf(draft: Draft, id: string): string | undefined {
  const { op, inputs } = draft.node(id);
  const pooled = op.kind === 'affine' ? (inputs[0] ?? id) : id;
  const pool = draft.node(pooled);
  const [source = ''] = pool.inputs;
  if (pool.op.kind !== 'globalPool' || pool.op.fn !== 'avg') return undefined;
  const shape = draft.shape(source);
  const places = isMap(shape) ? shape[0] * shape[1] : 1;
  const isSum = op.kind === 'affine' ? uniform(op.scale, places) && uniform(op.offset, 0) : places === 1;
  return isSum ? source : undefined;
}

/** (sum of k) q */
function denominator(call: Call, a: Live, k: string, b: Live): readonly Value[] {
  const q = matrices(call, b, 'places');
  const heads = sizeOfAxis(q.heads);
  const made = call.draft.emit(call.path, { kind: 'denominator', heads }, [q.id, k]);
  return call.result(made, [a.axes[0] ?? [], channel(heads, 1), [], q.places]);
}

/** Numerator over denominator + eps; undefined where the values are none. */
export function linearAttention(call: Call, above: Live, below: Live): readonly Value[] | undefined {
  const { draft } = call;
  const { op, inputs } = draft.node(above.id);
  if (op.kind !== 'numerator') return undefined;
  const sum = draft.node(below.id);
  const eps = sum.op.kind === 'affine' ? (sum.op.offset[0] ?? 0) : 0;
  const isEps =
    sum.op.kind !== 'affine' || (uniform(sum.op.scale, 1) && sum.op.offset.every((v) => v === eps));
  const under = draft.node(sum.op.kind === 'affine' ? (sum.inputs[0] ?? '') : below.id);
  const [q, k] = inputs;
  if (under.op.kind !== 'denominator' || under.inputs[0] !== q || under.inputs[1] !== k || !isEps)
    return call.fail('divides a product of values by another than the sum of its weights');
  const whole = { within: 'whole', size: [1, 1], scale: 1, bias: false, form: 'linear' } as const;
  const made = attention(call, { ...whole, heads: op.heads, eps: Number(eps.toPrecision(6)) }, inputs);
  return call.result(made, above.axes);
}
