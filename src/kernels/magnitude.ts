/** @file |x| whose gradient at 0 is 0. */
import * as tf from '@tensorflow/tfjs-core';

/**
 * |x| of any shape, with the gradient sign(x), 0 at 0 as in PyTorch. That of tf.abs is -1 there, a subgradient too, which
 * pushes what a penalty has brought to 0 away again; tf's losses count on it, so that tf.abs keeps it.
 */
export function magnitude<T extends tf.Tensor>(x: T): T {
  const run = tf.customGrad((t, save) => {
    (save as (tensors: tf.Tensor[]) => void)([t as tf.Tensor]);
    return {
      value: tf.abs(t as tf.Tensor),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.mul(dy, tf.sign(saved[0] as tf.Tensor)),
    };
  });
  return run(x) as T;
}
