/**
 * @file From sums of codes to codes, in the arithmetic of the exported file's runtime: a sum near the middle of two steps falls on
 * the side on which the order of float32 operations puts it, and deep nets amplify a code that is off by one.
 *
 * Legend: s and z are a value's step and zero-point, q its codes; fl rounds to float32.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Activation, Node, Quantize } from '../../graph/index.ts';

/** The codes of a value on the steps of `op`, not yet clipped to their range; undefined where runtimes do not fuse the two. */
export type InCodes = (op: Quantize) => tf.Tensor | undefined;

const { fround } = Math;
const isByte = (op: Quantize): boolean => op.bits === 8 && !op.signed;

/** Of a layer: round(sum fl(fl(s_x s_w) / s_y)) + z_y, with the sum of products of codes. */
export const ofLayer =
  (sum: tf.Tensor, steps: tf.Tensor): InCodes =>
  (op) =>
    isByte(op) ? tf.add(tf.round(tf.mul(sum, tf.div(steps, op.scale))), op.zero) : undefined;

/** The codes of a value that was rounded on the steps of `op`. */
const codesOn = (value: tf.Tensor, op: Quantize): tf.Tensor =>
  tf.add(tf.round(tf.div(value, op.scale)), op.zero);

/**
 * codes r + c, rounded once, as processors with FMA do: the error of the product (Dekker 1971) and of the sum (Knuth's TwoSum)
 * are added in the end.
 */
function fused(codes: tf.Tensor, r: number, c: tf.Tensor | number): tf.Tensor {
  const wide = fround(4097 * r);
  const high = fround(wide - fround(wide - r));
  const product = tf.mul(codes, r);
  const lost = tf.add(tf.sub(tf.mul(codes, high), product), tf.mul(codes, fround(r - high)));
  const sum = tf.add(product, c);
  const part = tf.sub(sum, product);
  const rest = tf.add(tf.sub(product, tf.sub(sum, part)), tf.sub(c, part));
  return tf.add(sum, tf.add(rest, lost));
}

/** Of a sum of two rounded values: round(q_a r_a + (q_b r_b + (z_y - (r_a z_a + r_b z_b)))), with r = fl(s / s_y). */
export const ofSum =
  ([a, b]: readonly [tf.Tensor, tf.Tensor], [opA, opB]: readonly [Quantize, Quantize]): InCodes =>
  (op) => {
    if (![op, opA, opB].every(isByte)) return undefined;
    const [ra, rb] = [fround(opA.scale / op.scale), fround(opB.scale / op.scale)];
    const zeros = fround(ra * opA.zero + fround(rb * opB.zero));
    const fixed = fround(op.zero - zeros);
    return tf.round(fused(codesOn(a, opA), ra, fused(codesOn(b, opB), rb, fixed)));
  };

/** Of the mean over n places of a map: round(sum (q - z) fl(s / fl(s_y n))) + z_y. */
export const ofMean =
  (x: tf.Tensor, from: Quantize): InCodes =>
  (op) => {
    if (!isByte(op) || !isByte(from)) return undefined;
    const [, height = 1, width = 1] = x.shape;
    const share = fround(from.scale / fround(op.scale * height * width));
    const sum = tf.sum(tf.round(tf.div(x, from.scale)), [1, 2]);
    return tf.add(tf.round(tf.mul(sum, share)), op.zero);
  };

/** Behind a relu or relu6, which runtimes make of the rounding's own range; undefined where the range does not. */
export const clippedBy =
  (fn: Activation, before: InCodes): InCodes =>
  (op) => {
    if (fn !== 'relu' && fn !== 'relu6') return undefined;
    const isCovered = fn === 'relu' || (255 - op.zero) * op.scale <= 6 * (1 + 1e-6);
    const codes = isCovered && op.zero === 0 ? before(op) : undefined;
    return codes && tf.maximum(codes, op.zero);
  };

/** How a node's value becomes codes, where its inputs are such that runtimes compute with whole numbers. */
export function inCodesOf(
  node: Node,
  ins: readonly tf.Tensor[],
  opOf: (id: string) => Quantize | undefined,
  before: InCodes | undefined,
): InCodes | undefined {
  const { op, inputs } = node;
  const [a, b] = ins;
  const [from, other] = inputs.map(opOf);
  if (op.kind === 'act') return before && clippedBy(op.fn, before);
  if (op.kind === 'add' && inputs.length === 2 && a && b && from && other)
    return ofSum([a, b], [from, other]);
  if (op.kind === 'globalPool' && op.fn === 'avg' && a && from) return ofMean(a, from);
  return undefined;
}
