/** @file Tensors of a known rank, which tf's types require. */
import type * as tf from '@tensorflow/tfjs-core';

const hasRank1 = (x: tf.Tensor): x is tf.Tensor1D => x.rank === 1;
const hasRank4 = (x: tf.Tensor): x is tf.Tensor4D => x.rank === 4;

/** A batch of maps [b, h, w, c] or a kernel [kh, kw, in, out]. @throws Error `internal: ...` for another rank. */
export function tensor4D(x: tf.Tensor): tf.Tensor4D {
  if (hasRank4(x)) return x;
  throw new Error(`internal: expected a tensor of rank 4, got ${x.rank}`);
}

/** A value a channel [c]. @throws Error `internal: ...` for another rank. */
export function tensor1D(x: tf.Tensor): tf.Tensor1D {
  if (hasRank1(x)) return x;
  throw new Error(`internal: expected a tensor of rank 1, got ${x.rank}`);
}

/** The sizes of a tf.layers shape, all of which are known. @throws Error `internal: ...` where one is not. */
export const sizesOf = (shape: readonly (number | null)[]): number[] =>
  shape.map((n) => {
    if (n === null) throw new Error(`internal: a shape with an unknown size, [${shape.join(', ')}]`);
    return n;
  });
