/**
 * @file Attention over channels: q and k divided by their norms over places, their product, softmax, and its product with v. Its parts are
 * ops of the draft until the last product joins them: `floored` norms, `unit` values, the product `outer` of two, `channelWeights`.
 */

import { float } from '../../../weights/index.ts';
import type { Call, Live, Value } from '../call.ts';
import { type Draft, type DraftNode, uniform } from '../draft.ts';
import { mapNormOf } from '../norm-patterns.ts';
import { channel, matrices } from './attention.ts';

/** The larger of the norms of maps and a number; undefined where the value is none. */
export function flooredNorm(
  { draft, path }: Call,
  id: string,
  low: number,
  high: number,
): string | undefined {
  if (!(low > 0) || high < 3e38 || mapNormOf(draft, id) === undefined) return undefined;
  return draft.emit(path, { kind: 'floored', eps: Number(low.toPrecision(6)) }, [id]);
}

/** x / max(|x|, eps), with the norm of each channel's map; undefined where the values are others. */
export function unitOf({ draft, path }: Call, x: string, below: string): string | undefined {
  const { op, inputs } = draft.node(below);
  if (op.kind !== 'floored' || mapNormOf(draft, inputs[0] ?? '') !== x) return undefined;
  return draft.emit(path, { kind: 'unit', eps: op.eps }, [x]);
}

/** Softmax of gamma q k over the channels of k; undefined where the value is none. */
export function channelWeights(call: Call, x: Live, axis: number): readonly Value[] | undefined {
  const { draft, path } = call;
  const { op, inputs } = draft.node(x.id);
  const isScaled = op.kind === 'affine' && uniform(op.offset, 0);
  const product = isScaled ? draft.node(inputs[0] ?? '') : draft.node(x.id);
  if (product.op.kind !== 'outer' || axis !== x.axes.length - 1) return undefined;
  const units = product.inputs.map((id) => draft.node(id));
  const [q, k] = units.map(sourceOf);
  const eps = epsOf(units[0]);
  if (q === undefined || k === undefined || eps === undefined || eps !== epsOf(units[1])) return undefined;
  const { heads, size } = product.op;
  const gamma = isScaled ? Float32Array.from(op.scale) : new Float32Array(heads).fill(1);
  const layer = { slots: { gamma: float([heads], gamma) }, names: {} };
  return call.result(draft.emit(path, { kind: 'channelWeights', eps, heads, size }, [q, k], layer), x.axes);
}
const sourceOf = ({ op, inputs }: DraftNode): string | undefined =>
  op.kind === 'unit' ? inputs[0] : undefined;
const epsOf = (node: DraftNode | undefined): number | undefined =>
  node?.op.kind === 'unit' ? node.op.eps : undefined;

/** weights v; undefined where the first value is no weights of channels. */
export function channelMeans(call: Call, a: Live, b: Live): readonly Value[] | undefined {
  const draft: Draft = call.draft;
  const { op, inputs, layer } = draft.node(a.id);
  if (op.kind !== 'channelWeights') return undefined;
  const v = matrices(call, b, 'places');
  const { heads, eps } = op;
  const usual = { scale: 1, bias: false, within: 'whole', size: [1, 1] } as const;
  const made = draft.emit(
    call.path,
    { kind: 'attention', form: 'covariance', ...usual, heads, eps },
    [...inputs, v.id],
    layer,
  );
  return call.result(made, [v.batch, channel(heads, op.size[0]), channel(op.size[0], 1), v.places]);
}
