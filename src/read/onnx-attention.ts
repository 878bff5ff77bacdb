/** @file Writes attention as ONNX nodes: products of matrices [places, channels], heads apart. */
import { defined } from '../access.ts';
import {
  type Attention,
  type AttentionSizes,
  attentionSizes,
  type Pair,
  relativePlaces,
} from '../graph/index.ts';
import { int, ints } from '../onnx/index.ts';
import { materialize } from '../weights/index.ts';
import type { Draft, Emission } from './onnx-draft.ts';
import type { RowOrder } from './row-sections.ts';

/** q [b, heads d, h, w], k and v -> [b, heads e, h, w]. */
export function emitAttention(e: Emission<Attention>): string {
  const { draft: d, op } = e;
  const [q, k, v] = [defined(e.ins[0], 'q'), defined(e.ins[1], 'k'), defined(e.ins[2], 'v')];
  const sizes = attentionSizes(op, e.shapes);
  const { width, valueWidth, shared } = sizes;
  const heads = shared ? 1 : op.heads;
  const asQuery = { heads: op.heads, inside: sizes.inQuery };
  const asKey = { heads, inside: sizes.inKey };
  if (op.form === 'linear') {
    const [queries, keys, values] = [
      tokens(d, q, op, sizes, { ...asQuery, width, last: 'places' }),
      tokens(d, k, op, sizes, { ...asKey, width, last: 'places' }),
      tokens(d, v, op, sizes, { ...asKey, width: valueWidth, last: 'places' }),
    ];
    const turned = d.emit('Transpose', [keys], { perm: ints([0, 1, 3, 2]) });
    const sums = d.emit('MatMul', [d.emit('MatMul', [values, turned]), queries]);
    const total = d.emit('ReduceSum', [turned, d.constant('int64', [1], [2])], { keepdims: int(1) });
    const below = d.emit('Add', [d.emit('MatMul', [total, queries]), scalar(d, op.eps)]);
    return merged(d, d.emit('Div', [sums, below]), [op.heads * valueWidth, ...sizes.query]);
  }
  if (op.form === 'separable') {
    const weights = d.emit('Softmax', [tokens(d, q, op, sizes, { ...asQuery, width, last: 'places' })], {
      axis: int(-1),
    });
    const [keys, values] = [k, v].map((x) =>
      tokens(d, x, op, sizes, { ...asKey, width: valueWidth, last: 'channels' }),
    );
    const mean = d.emit('MatMul', [weights, defined(keys, 'k')]);
    return fromTokens(d, d.emit('Mul', [defined(values, 'v'), mean]), op, sizes);
  }
  if (op.form === 'covariance') return emitCovariance(e, [q, k, v], sizes);
  const queries = tokens(d, q, op, sizes, { ...asQuery, width, last: 'channels' });
  const keys = tokens(d, k, op, sizes, { ...asKey, width, last: 'places' });
  const values = tokens(d, v, op, sizes, { ...asKey, width: valueWidth, last: 'channels' });
  return fromTokens(d, emitMeans(e, sizes, [queries, keys, values]), op, sizes);
}

/** Softmax of scores, and the means of v by it. */
function emitMeans(
  e: Emission<Attention>,
  sizes: AttentionSizes,
  [queries, keys, values]: readonly [q: string, k: string, v: string],
): string {
  const { draft: d, op } = e;
  const scores = d.emit('MatMul', [d.emit('Mul', [queries, scalar(d, op.scale)]), keys]);
  const biased = op.bias ? d.emit('Add', [scores, biasOf(e, sizes)]) : scores;
  const weights = d.emit('Softmax', [op.talking ? mixed(e, biased, 0) : biased], { axis: int(-1) });
  return d.emit('MatMul', [op.talking ? mixed(e, weights, 1) : weights, values]);
}

/** q, k and v as rows [batch x places, channels] in the order of their windows -> rows: softmax, or separable with one head. */
export function emitRowAttention(e: Emission<Attention>, { groups }: RowOrder): string {
  const { draft: d, op } = e;
  const [q, k, v] = [defined(e.ins[0], 'q'), defined(e.ins[1], 'k'), defined(e.ins[2], 'v')];
  const sizes = attentionSizes(op, e.shapes);
  const { width, valueWidth, inQuery } = sizes;
  const places = inQuery[0] * inQuery[1];
  if (op.form === 'separable') {
    const apart = (x: string, rows: number, columns: number): string =>
      merged(d, x, [groups[0] * groups[1], 1, rows, columns]);
    const weights = d.emit('Softmax', [apart(q, 1, places)], { axis: int(-1) });
    const mean = d.emit('MatMul', [weights, apart(k, places, valueWidth)]);
    return merged(d, d.emit('Mul', [apart(v, places, valueWidth), mean]), [valueWidth]);
  }
  const swapped = { perm: ints([0, 2, 1, 3]) };
  const byHead = (x: string, heads: number, channels: number): string =>
    d.emit('Transpose', [merged(d, x, [places, heads, channels])], swapped);
  const keyHeads = sizes.shared ? 1 : op.heads;
  const means = emitMeans(e, sizes, [
    byHead(q, op.heads, width),
    d.emit('Transpose', [byHead(k, keyHeads, width)], { perm: ints([0, 1, 3, 2]) }),
    byHead(v, keyHeads, valueWidth),
  ]);
  return merged(d, d.emit('Transpose', [means], swapped), [op.heads * valueWidth]);
}

/** Over channels: values as [heads, channels, places] need no transpose; F.normalize of PyTorch, products, softmax. */
function emitCovariance(
  { draft: d, op, weight, named }: Emission<Attention>,
  ins: readonly [q: string, k: string, v: string],
  { width, valueWidth, query, inQuery }: AttentionSizes,
): string {
  const widths = [width, valueWidth, valueWidth];
  const [q = '', k = '', v = ''] = ins.map((x, i) =>
    merged(d, x, [op.heads, widths[i] ?? 1, inQuery[0] * inQuery[1]]),
  );
  const unit = (x: string): string => {
    // MNN's ReduceL2 ignores axes that are an input, and others have none: a sum is read by all
    const sum = d.emit('ReduceSum', [d.emit('Mul', [x, x]), d.constant('int64', [1], [-1])], {
      keepdims: int(1),
    });
    return d.emit('Div', [x, d.emit('Max', [d.emit('Sqrt', [sum]), scalar(d, op.eps)])]);
  };
  const turned = d.emit('Transpose', [unit(k)], { perm: ints([0, 1, 3, 2]) });
  const stored = defined(weight('gamma'), 'gamma');
  const gamma = d.weight(stored, () =>
    d.constant('float32', [op.heads, 1, 1], materialize(stored), named('gamma')),
  );
  const scores = d.emit('Mul', [d.emit('MatMul', [unit(q), turned]), gamma]);
  const means = d.emit('MatMul', [d.emit('Softmax', [scores], { axis: int(-1) }), v]);
  return merged(d, means, [op.heads * width, ...query]);
}

/** Heads of [b, heads, places of q, places of k] mixed by a 1x1 conv over them: the first kernel and offset, or the second. */
function mixed({ draft: d, op, weight, named }: Emission<Attention>, x: string, which: 0 | 1): string {
  const { heads } = op;
  const [stored, offsets] = [defined(weight('kernel'), 'kernel'), defined(weight('beta'), 'beta')];
  const kernel = d.weight(`${named('kernel')} ${which}`, () => {
    const from = materialize(stored).subarray(which * heads ** 2, (which + 1) * heads ** 2);
    const turned = from.map((_, i) => from[(i % heads) * heads + Math.floor(i / heads)]!);
    return d.constant('float32', [heads, heads, 1, 1], turned);
  });
  const offset = d.weight(`${named('beta')} ${which}`, () =>
    d.constant('float32', [heads], materialize(offsets).slice(which * heads, (which + 1) * heads)),
  );
  return d.emit('Conv', [x, kernel, offset]);
}

const scalar = (d: Draft, value: number): string => d.constant('float32', [], Float32Array.of(value));
/** Another shape, batch first. */
const merged = (d: Draft, x: string, dims: readonly number[]): string =>
  d.emit('Reshape', [x, d.constant('int64', [dims.length + 1], [-1, ...dims])]);

interface Layout {
  readonly heads: number;
  readonly width: number;
  /** Height and width of what one window, or the whole map, has of this value. */
  readonly inside: Pair;
  readonly last: 'places' | 'channels';
}

/** Whether there are windows or grids; one that is the whole map is none. */
const isParted = ({ groups }: AttentionSizes): boolean => groups[0] * groups[1] > 1;
/** [b, heads d, h, w] -> [b, (groups,) heads, places, d], or with the places last. Windows move as whole rows of d channels. */
function tokens(d: Draft, x: string, op: Attention, sizes: AttentionSizes, o: Layout): string {
  const { groups } = sizes;
  const places = o.inside[0] * o.inside[1];
  if (!isParted(sizes)) {
    const apart = merged(d, x, [o.heads, o.width, places]);
    return o.last === 'places' ? apart : d.emit('Transpose', [apart], { perm: ints([0, 1, 3, 2]) });
  }
  const cells =
    op.within === 'windows'
      ? [groups[0], o.inside[0], groups[1], o.inside[1]]
      : [o.inside[0], groups[0], o.inside[1], groups[1]];
  const last = d.emit('Transpose', [x], { perm: ints([0, 2, 3, 1]) });
  const split = merged(d, last, [...cells, o.heads, o.width]);
  const perm = op.within === 'windows' ? [0, 1, 3, 5, 2, 4, 6] : [0, 2, 4, 5, 1, 3, 6];
  const turned = d.emit('Transpose', [split], { perm: ints(perm) });
  const rows = merged(d, turned, [groups[0] * groups[1], o.heads, places, o.width]);
  return o.last === 'places' ? d.emit('Transpose', [rows], { perm: ints([0, 1, 2, 4, 3]) }) : rows;
}

/** [b, (groups,) heads, places, e] -> [b, heads e, h, w]. */
function fromTokens(d: Draft, x: string, op: Attention, sizes: AttentionSizes): string {
  const { groups, inQuery, query, valueWidth } = sizes;
  const whole = [op.heads * valueWidth, ...query];
  if (!isParted(sizes)) return merged(d, d.emit('Transpose', [x], { perm: ints([0, 1, 3, 2]) }), whole);
  const split = merged(d, x, [...groups, op.heads, ...inQuery, valueWidth]);
  const perm = op.within === 'windows' ? [0, 1, 4, 2, 5, 3, 6] : [0, 4, 1, 5, 2, 3, 6];
  const turned = d.emit('Transpose', [split], { perm: ints(perm) });
  const last = merged(d, turned, [...query, op.heads * valueWidth]);
  return d.emit('Transpose', [last], { perm: ints([0, 3, 1, 2]) });
}

/** The bias of each head, place of q and place of k: [1, heads, places of q, places of k]. */
function biasOf(
  { draft: d, op, weight, named }: Emission<Attention>,
  { inQuery, inKey }: AttentionSizes,
): string {
  const stored = defined(weight('bias'), 'bias');
  const [queries, keys] = [inQuery[0] * inQuery[1], inKey[0] * inKey[1]];
  // nodes that share a table may have other numbers of places
  return d.weight(`${named('bias')} for ${inQuery} of ${inKey}`, () => {
    const table = materialize(stored);
    const places = relativePlaces({ inQuery, inKey });
    const data = new Float32Array(op.heads * places.length);
    for (let h = 0; h < op.heads; h++)
      places.forEach((place, i) => {
        data[h * places.length + i] = table[place * op.heads + h]!;
      });
    return d.constant('float32', [op.heads, queries, keys], data);
  });
}
