/** @file Norms over channels that exporters write as several ops, found as the ops are read. */
import { isMap } from '../../graph/index.ts';
import { materialize } from '../../weights/index.ts';
import { type Draft, uniform } from './draft.ts';

/** What an op of this kind reads. */
const inputOf = (draft: Draft, id: string, kind: string): string | undefined => {
  const { op, inputs } = draft.node(id);
  return op.kind === kind ? inputs[0] : undefined;
};

/** A layer over channels whose weights are all one number, of these numbers of inputs and outputs: what it reads. */
function evenly(draft: Draft, id: string, value: number, reads: number | undefined): string | undefined {
  const { op, inputs, layer } = draft.node(id);
  const [source] = inputs;
  if (source === undefined || !layer?.slots.kernel || layer.slots.bias) return undefined;
  const isPlain =
    op.kind === 'dense' || (op.kind === 'conv' && op.groups === 1 && op.kernel.every((n) => n === 1));
  if (!isPlain || (reads !== undefined && draft.channels(source) !== reads)) return undefined;
  const weights = materialize(layer.slots.kernel);
  return weights.every((w) => Math.abs(w - value) <= 1e-6 * Math.abs(value)) ? source : undefined;
}
/** The mean over channels, as one channel: what it is the mean of. */
const meanOf = (draft: Draft, id: string): string | undefined => {
  const source = draft.channels(id) === 1 ? draft.node(id).inputs[0] : undefined;
  return source === undefined ? undefined : evenly(draft, id, 1 / draft.channels(source), undefined);
};
/** One channel in the place of all. */
const repeatOf = (draft: Draft, id: string): string | undefined => evenly(draft, id, 1, 1);

/** x + eps with one eps: both. */
function withEps(draft: Draft, id: string): { readonly source: string; readonly eps: number } | undefined {
  const { op, inputs } = draft.node(id);
  const [source] = inputs;
  const eps = op.kind === 'affine' ? op.offset[0] : undefined;
  if (op.kind !== 'affine' || source === undefined || eps === undefined || !(eps >= 0)) return undefined;
  return uniform(op.scale, 1) && uniform(op.offset, eps)
    ? { source, eps: Number(eps.toPrecision(6)) }
    : undefined;
}

/** x - mean over channels: what x is. */
function centredOf(draft: Draft, id: string): string | undefined {
  const { op, inputs } = draft.node(id);
  const [x, other] = inputs;
  if (op.kind !== 'add' || inputs.length !== 2 || x === undefined || other === undefined) return undefined;
  const negated = inputOf(draft, other, 'act');
  const { op: act } = draft.node(other);
  if (negated === undefined || act.kind !== 'act' || act.fn !== 'negate') return undefined;
  const mean = repeatOf(draft, negated) ?? (draft.channels(x) === 1 ? negated : undefined);
  return mean !== undefined && meanOf(draft, mean) === x ? x : undefined;
}

/** (x - mean) / sqrt(mean((x - mean)^2) + eps) over channels: what x and eps are. */
export function layerNormOf(
  draft: Draft,
  centred: string,
  deviation: string,
): { readonly x: string; readonly eps: number } | undefined {
  const x = centredOf(draft, centred);
  const root = inputOf(draft, deviation, 'sqrt');
  const variance = root === undefined ? undefined : withEps(draft, root);
  const square = variance && meanOf(draft, variance.source);
  if (x === undefined || square === undefined) return undefined;
  const { op, inputs } = draft.node(square);
  const isSquare = op.kind === 'mul' && inputs.length === 2 && inputs.every((id) => id === centred);
  return isSquare && variance ? { x, eps: variance.eps } : undefined;
}

/** The Euclidean norm of each channel's map, also as the root of h w times the mean of squares: what the map is. */
export function mapNormOf(draft: Draft, id: string): string | undefined {
  const whole = inputOf(draft, id, 'mapNorm');
  const root = whole === undefined ? inputOf(draft, id, 'sqrt') : undefined;
  if (root === undefined) return whole;
  const { op, inputs } = draft.node(root);
  const places = op.kind === 'affine' && uniform(op.offset, 0) ? (op.scale[0] ?? 1) : 1;
  const pooled = op.kind === 'affine' ? (inputs[0] ?? root) : root;
  const { op: pool, inputs: squares } = draft.node(pooled);
  const isMean = (pool.kind === 'globalPool' && pool.fn === 'avg') || pool.kind === 'flatten';
  // the mean over a single place is that place
  const square = draft.node(isMean ? (squares[0] ?? pooled) : pooled);
  const [x, ...others] = square.inputs;
  const isSquare = square.op.kind === 'mul' && others.length === 1 && others[0] === x;
  if (x === undefined || !isSquare) return undefined;
  const shape = draft.shape(x);
  const isWhole = isMap(shape) && (isMean || shape[0] * shape[1] === 1);
  return isWhole && Math.abs(places / (shape[0] * shape[1]) - 1) < 1e-6 ? x : undefined;
}

/** |x| / (mean over channels of |x| + eps), with |x| of each channel's map: the norms, and eps. */
export function shareOf(
  draft: Draft,
  norms: string,
  below: string,
): { readonly norms: string; readonly eps: number } | undefined {
  const mean = withEps(draft, below);
  const isNorms = mapNormOf(draft, norms) !== undefined;
  // the mean of one channel is that channel
  const isMean = mean && (draft.channels(norms) === 1 ? mean.source : meanOf(draft, mean.source)) === norms;
  return isNorms && isMean ? { norms, eps: mean.eps } : undefined;
}

/** What the shares of a response norm are shares of: the map, and eps. */
function sharesOf(draft: Draft, id: string): { readonly x: string; readonly eps: number } | undefined {
  const { op } = draft.node(id);
  const norms = inputOf(draft, id, 'share');
  const x = norms === undefined ? undefined : mapNormOf(draft, norms);
  return op.kind === 'share' && x !== undefined ? { x, eps: op.eps } : undefined;
}

export interface ResponseNorm {
  readonly x: string;
  readonly eps: number;
  readonly gamma: Float64Array;
  readonly beta: Float64Array;
}
/** x + gamma (x n) + beta, a sum of x and an affine product with its shares n. */
export function responseNormSum(draft: Draft, a: string, b: string): ResponseNorm | undefined {
  for (const [x, other] of [
    [a, b],
    [b, a],
  ] as const) {
    if (!isMap(draft.shape(x))) continue;
    const { op, inputs } = draft.node(other);
    const c = draft.channels(x);
    const [gamma, beta] =
      op.kind === 'affine' ? [op.scale, op.offset] : [new Float64Array(c).fill(1), new Float64Array(c)];
    const product = draft.node(op.kind === 'affine' ? (inputs[0] ?? other) : other);
    const [left, right] = product.inputs;
    if (product.op.kind !== 'mul' || left !== x || right === undefined) continue;
    const shares = sharesOf(draft, right);
    if (shares?.x === x) return { x, eps: shares.eps, gamma, beta };
  }
  return undefined;
}

/** x (1 + gamma n), a product of x and an affine of its shares. */
export function responseNormProduct(draft: Draft, x: string, gate: string): ResponseNorm | undefined {
  const { op, inputs } = draft.node(gate);
  const [source] = inputs;
  if (op.kind !== 'affine' || source === undefined || !uniform(op.offset, 1)) return undefined;
  const shares = sharesOf(draft, source);
  if (shares?.x !== x) return undefined;
  return { x, eps: shares.eps, gamma: op.scale, beta: new Float64Array(op.scale.length) };
}
