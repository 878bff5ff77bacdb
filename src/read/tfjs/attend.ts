/** @file The meaning of attention in tensors. */
import * as tf from '@tensorflow/tfjs-core';
import { defined } from '../../access.ts';
import {
  type Attention,
  type AttentionSizes,
  attentionSizes,
  type Pair,
  relativePlaces,
  type Slot,
  shapeFrom,
} from '../../graph/index.ts';

interface Weighted {
  weight(slot: Slot): tf.Tensor | undefined;
}

/** q [b, h, w, heads d], k and v -> [b, h, w, heads e]; see the op. */
export function attend(op: Attention, ins: readonly tf.Tensor[], at: Weighted): tf.Tensor {
  const sizes = attentionSizes(
    op,
    ins.map((x) => shapeFrom(x.shape.slice(1))),
  );
  const { query, key, width, valueWidth, shared, inQuery, inKey } = sizes;
  const [q, k, v] = [defined(ins[0], 'q'), defined(ins[1], 'k'), defined(ins[2], 'v')];
  const keyHeads = shared ? 1 : op.heads;
  const queries = tokens(q, op, sizes, { grid: query, inside: inQuery, heads: op.heads, width });
  const keyWidth = op.form === 'separable' || op.form === 'covariance' ? valueWidth : width;
  const keys = tokens(k, op, sizes, { grid: key, inside: inKey, heads: keyHeads, width: keyWidth });
  const values = tokens(v, op, sizes, { grid: key, inside: inKey, heads: keyHeads, width: valueWidth });
  if (op.form === 'covariance')
    return fromTokens(covariance(op, queries, keys, values, at), op, { ...sizes, valueWidth: width });
  const means =
    op.form === 'linear'
      ? linear(op, queries, keys, values)
      : op.form === 'separable'
        ? separable(queries, keys, values)
        : softmax(op, sizes, queries, keys, values, at);
  return fromTokens(means, op, sizes);
}

interface Layout {
  readonly grid: Pair;
  readonly inside: Pair;
  readonly heads: number;
  readonly width: number;
}

/** [b, h, w, heads d] -> [b groups, heads, places in a group, d]. */
function tokens(x: tf.Tensor, op: Attention, { groups }: AttentionSizes, o: Layout): tf.Tensor {
  const [b = 1] = x.shape;
  const places = o.inside[0] * o.inside[1];
  if (op.within === 'whole') return tf.transpose(tf.reshape(x, [b, places, o.heads, o.width]), [0, 2, 1, 3]);
  // rows are (group, place) in windows and (place, group) in grids; columns too
  const rows = cells(op, groups, o.inside);
  const split = tf.reshape(x, [b, ...rows, o.heads * o.width]);
  const order = op.within === 'windows' ? [0, 1, 3, 2, 4, 5] : [0, 2, 4, 1, 3, 5];
  const apart = tf.reshape(tf.transpose(split, order), [b * groups[0] * groups[1], places, o.heads, o.width]);
  return tf.transpose(apart, [0, 2, 1, 3]);
}
const cells = (op: Attention, groups: Pair, inside: Pair): readonly [number, number, number, number] =>
  op.within === 'windows'
    ? [groups[0], inside[0], groups[1], inside[1]]
    : [inside[0], groups[0], inside[1], groups[1]];

/** [b groups, heads, places in a group, e] -> [b, h, w, heads e]. */
function fromTokens(
  x: tf.Tensor,
  op: Attention,
  { groups, inQuery, query, valueWidth }: AttentionSizes,
): tf.Tensor {
  const c = op.heads * valueWidth;
  const count = groups[0] * groups[1];
  const b = (x.shape[0] ?? 1) / count;
  const last = tf.transpose(x, [0, 2, 1, 3]);
  const whole = [b, query[0], query[1], c];
  if (op.within === 'whole') return tf.reshape(last, whole);
  const split = tf.reshape(last, [b, ...groups, ...inQuery, c]);
  const order = op.within === 'windows' ? [0, 1, 3, 2, 4, 5] : [0, 3, 1, 4, 2, 5];
  return tf.reshape(tf.transpose(split, order), whole);
}

/** One k for all heads is repeated: tf's products take one number of matrices on both sides. */
const repeated = (x: tf.Tensor, heads: number): tf.Tensor =>
  x.shape[1] === heads ? x : tf.tile(x, [1, heads, 1, 1]);

/** softmax(scale q k + bias) v, with the heads mixed before and after the softmax where they talk. */
function softmax(
  op: Attention,
  sizes: AttentionSizes,
  q: tf.Tensor,
  k: tf.Tensor,
  v: tf.Tensor,
  at: Weighted,
): tf.Tensor {
  const scores = tf.matMul(tf.mul(q, op.scale), repeated(k, op.heads), false, true);
  const biased = op.bias ? tf.add(scores, biasOf(op, sizes, defined(at.weight('bias'), 'bias'))) : scores;
  const weights = tf.softmax(op.talking ? mixed(biased, 0, at) : biased);
  return tf.matMul(op.talking ? mixed(weights, 1, at) : weights, repeated(v, op.heads));
}

/** Heads mixed as by a 1x1 conv over them: the first kernel and offset, or the second. */
function mixed(x: tf.Tensor, which: 0 | 1, at: Weighted): tf.Tensor {
  const [b = 1, heads = 1, queries = 1, keys = 1] = x.shape;
  const [kernel, offset] = [defined(at.weight('kernel'), 'kernel'), defined(at.weight('beta'), 'beta')];
  // tf's products take one number of matrices on both sides
  const each = tf.tile(tf.slice(kernel, [which, 0, 0], [1, heads, heads]), [b, 1, 1]);
  const sums = tf.matMul(each, tf.reshape(x, [b, heads, queries * keys]), true);
  const moved = tf.add(sums, tf.reshape(tf.slice(offset, [which, 0], [1, heads]), [1, heads, 1]));
  return tf.reshape(moved, [b, heads, queries, keys]);
}

/** The bias of each place of q and of k: [heads, places of q, places of k]. */
function biasOf(op: Attention, { inQuery, inKey }: AttentionSizes, table: tf.Tensor): tf.Tensor {
  const places = relativePlaces({ inQuery, inKey });
  const flat = tf.reshape(table, [-1, op.heads]);
  const all = tf.gather(flat, tf.tensor1d(places, 'int32'));
  return tf.transpose(tf.reshape(all, [inQuery[0] * inQuery[1], inKey[0] * inKey[1], op.heads]), [2, 0, 1]);
}

/** softmax(q) k, one vector for all places, times v. */
function separable(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor): tf.Tensor {
  const weights = tf.softmax(tf.transpose(q, [0, 1, 3, 2])); // [b groups, heads, 1, places]
  return tf.mul(v, tf.matMul(weights, k));
}

/** softmax over channels of k of (gamma q k) v, with q and k of norm 1 over places; sqrt(max(sum, eps^2)) has a gradient at zero. */
function covariance(
  { heads, eps }: Attention,
  q: tf.Tensor,
  k: tf.Tensor,
  v: tf.Tensor,
  at: Weighted,
): tf.Tensor {
  const unit = (x: tf.Tensor): tf.Tensor =>
    tf.div(x, tf.sqrt(tf.maximum(tf.sum(tf.mul(x, x), 2, true), eps ** 2)));
  const gamma = tf.reshape(defined(at.weight('gamma'), 'gamma'), [heads, 1, 1]);
  const scores = tf.mul(tf.matMul(unit(q), unit(k), true), gamma);
  return tf.matMul(v, tf.softmax(scores), false, true);
}

/** q (k^T v) / (q sum of k + eps) */
function linear(op: Attention, q: tf.Tensor, k: tf.Tensor, v: tf.Tensor): tf.Tensor {
  const [keys, values] = [repeated(k, op.heads), repeated(v, op.heads)];
  const sums = tf.matMul(q, tf.matMul(keys, values, true));
  const weights = tf.matMul(q, tf.sum(keys, 2, true), false, true);
  return tf.div(sums, tf.add(weights, op.eps));
}
