/** @file Sizes of attention: places, heads and channels, and the distances of places. */
import { type Attention, type FeatureMap, isMap, type Op, type Pair, type Shape } from './op.ts';
import type { Check } from './shape-check.ts';

/** The numbers of one attention. */
export interface AttentionSizes {
  /** Height and width of q and of k. */
  readonly query: Pair;
  readonly key: Pair;
  /** Channels of a head in q and k, and in v. */
  readonly width: number;
  readonly valueWidth: number;
  /** Whether all heads read one k and one v. */
  readonly shared: boolean;
  /** Windows (or grids) in rows and columns, and the places of q and of k in one of them. */
  readonly groups: Pair;
  readonly inQuery: Pair;
  readonly inKey: Pair;
}

/** @throws Error `internal: ...` unless q, k and v are maps, which `check` rules out. */
export function attentionSizes(op: Attention, ins: readonly Shape[]): AttentionSizes {
  const [q, k, v] = ins;
  if (!q || !k || !v || !isMap(q) || !isMap(k) || !isMap(v))
    throw new Error('internal: attention without maps');
  const { heads, within, size } = op;
  const width = q[2] / heads;
  const mayShare = op.form === 'softmax' || op.form === 'linear';
  const shared = mayShare && heads > 1 && k[2] === width;
  const [query, key]: readonly Pair[] = [
    [q[0], q[1]],
    [k[0], k[1]],
  ];
  const apart: Pair = [q[0] / size[0], q[1] / size[1]];
  const groups: Pair = within === 'whole' ? [1, 1] : within === 'windows' ? apart : size;
  const inside = ([h, w]: Pair): Pair => [h / groups[0], w / groups[1]];
  const valueWidth = shared ? v[2] : v[2] / heads;
  return {
    query: query!,
    key: key!,
    width,
    valueWidth,
    shared,
    groups,
    inQuery: inside(query!),
    inKey: inside(key!),
  };
}

/** Checks q, k and v; the shape of the result. */
export function attentionShape(op: Attention, check: Check): Shape {
  const { heads, form, scale, eps, bias, talking, within, size } = op;
  if (check.ins.length !== 3) check.fail(`expects q, k and v, got ${check.ins.length} inputs`);
  const [q, k, v] = check.ins.map(
    (shape): FeatureMap => (isMap(shape) ? shape : check.fail('expects maps [h, w, c] for q, k and v')),
  );
  if (!q || !k || !v) return check.fail('expects q, k and v');
  check.whole('heads', heads);
  for (const n of size) check.whole('size', n);
  if (!(scale > 0 && Number.isFinite(scale))) check.fail(`scale must be a number above 0, got ${scale}`);
  if (!(eps >= 0)) check.fail(`eps must be 0 or more, got ${eps}`);
  if (k[0] !== v[0] || k[1] !== v[1]) check.fail('k and v must have one height and width');
  const takesWindows = form === 'softmax' || form === 'separable';
  if (form !== 'softmax' && (bias || scale !== 1 || !(takesWindows || within === 'whole')))
    check.fail(`the form '${form}' takes no ${takesWindows ? 'scale or bias' : 'scale, bias or windows'}`);
  if (talking && (form !== 'softmax' || within !== 'whole'))
    check.fail("talking heads need the form 'softmax' over the whole map");
  const isPaired = form === 'separable' || form === 'covariance';
  if (isPaired) checkPaired(op, [q, k, v], check);
  if (q[2] % heads) check.fail(`${q[2]} channels of q do not divide into ${heads} heads`);
  if (form === 'covariance') return q;
  if (!isPaired && k[2] !== q[2] && k[2] !== q[2] / heads)
    check.fail(`k must have the ${q[2]} channels of q, or ${q[2] / heads} that all heads share, got ${k[2]}`);
  if (k[2] === q[2] && v[2] % heads) check.fail(`${v[2]} channels of v do not divide into ${heads} heads`);
  if (within === 'whole' && (size[0] !== 1 || size[1] !== 1)) check.fail("size is for 'windows' and 'grid'");
  if (within !== 'whole' && (q[0] !== k[0] || q[1] !== k[1] || q[0] % size[0] || q[1] % size[1]))
    check.fail(
      `${within} of ${size.join('x')} need q and k of one height and width, both multiples of it; pad or resize the map first`,
    );
  if (bias && (q[0] > k[0] || q[1] > k[1])) check.fail('a bias needs as many places in k as in q, or more');
  const { valueWidth } = attentionSizes(op, [q, k, v]);
  return [q[0], q[1], heads * valueWidth];
}

/** Maps of one size, k and v of one shape; of `separable`, one score for each head. */
function checkPaired(
  { heads, form }: Attention,
  [q, k, v]: readonly [FeatureMap, FeatureMap, FeatureMap],
  check: Check,
): void {
  if (form === 'separable' && q[2] !== heads)
    check.fail(`q must have one channel for each of ${heads} heads, got ${q[2]}`);
  if (q[0] !== k[0] || q[1] !== k[1]) check.fail('q, k and v must have one height and width');
  if (k[2] !== v[2]) check.fail(`k and v must have equal channels, got ${k[2]} and ${v[2]}`);
  if (k[2] % heads) check.fail(`${k[2]} channels of k do not divide into ${heads} heads`);
}

/**
 * Multiply-adds of products of values with each other, for one example: q k and weights v, of `linear` k v, the sum of k, and
 * both times q; of `covariance` q k and weights v, at each place. 0 for ops that have none, and for `separable`, whose products are those of single values, as of `mul`.
 */
export function productsOf(op: Op, ins: readonly Shape[]): number {
  if (op.kind !== 'attention' || op.form === 'separable') return 0;
  const { query, key, width, valueWidth, inKey } = attentionSizes(op, ins);
  const [queries, keys] = [query[0] * query[1], key[0] * key[1]];
  if (op.form === 'covariance') return 2 * op.heads * width * valueWidth * keys;
  if (op.form === 'linear') return op.heads * width * (valueWidth + 1) * (queries + keys);
  const read = inKey[0] * inKey[1];
  return op.heads * queries * read * (width + valueWidth);
}

/**
 * For each place of q and each place of k in one window, rows first, the place in the table of distances: of |row - row'| and
 * |column - column'|, where q is a stride apart if it has fewer places.
 */
export function relativePlaces({ inQuery, inKey }: Pick<AttentionSizes, 'inQuery' | 'inKey'>): Int32Array {
  const [[h, w], [rows, columns]] = [inQuery, inKey];
  const [down, across] = [Math.ceil(rows / h), Math.ceil(columns / w)];
  const places = new Int32Array(h * w * rows * columns);
  let at = 0;
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++)
      for (let row = 0; row < rows; row++)
        for (let column = 0; column < columns; column++)
          places[at++] = Math.abs(y * down - row) * columns + Math.abs(x * across - column);
  return places;
}
