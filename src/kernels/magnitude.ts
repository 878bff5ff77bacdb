/** @file The absolute value, with gradient 0 at 0. */
import * as tf from '@tensorflow/tfjs-core';

/**
 * |x| of any shape, with the gradient sign(x), which is 0 at 0 as in PyTorch. The gradient of tf.abs is -1 at 0. That is a subgradient
 * too, but it moves weights away again that a penalty has brought to 0. tf's own losses depend on it, so that tf.abs keeps it.
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
