/** @file |x| whose gradient at 0 is 0. */
import * as tf from '@tensorflow/tfjs-core';

/**
 * |x| of any shape, with the gradient sign(x), 0 at 0 as in PyTorch. That of tf.abs is -1 there, a subgradient too, which
 * pushes what a penalty has brought to 0 away again; tf's losses count on it, so that tf.abs keeps it.
 */
export function magnitude<T extends tf.Tensor>(x: T): T {
  const run = tf.customGrad<T>((_, save) => {
    if (typeof save === 'function') save([x]);
    return {
      value: tf.abs(x),
      gradFunc: (dy: T, [input]: tf.Tensor[]) => tf.mul(dy, tf.sign(input ?? x)),
    };
  });
  return run(x);
}
