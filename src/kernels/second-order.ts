/**
 * @file Gradients of gradients that tf lacks. The gradient of relu6 multiplies by the comparison 0 <= x <= 6, and tf has no
 * gradient of comparisons: they are constant wherever they are differentiable, so theirs is zero.
 */
import * as tf from '@tensorflow/tfjs-core';

const comparisons = ['Less', 'LessEqual', 'Greater', 'GreaterEqual', 'Equal', 'NotEqual'] as const;
let done = false;

/** Makes tf's own ops differentiable twice, once for all. What tf knows already stays. */
export function registerSecondOrder(): void {
  if (done) return;
  done = true;
  for (const kernelName of comparisons) {
    if (tf.getGradient(kernelName)) continue;
    tf.registerGradient({
      kernelName,
      inputsToSave: ['a', 'b'],
      gradFunc: (_, saved) => {
        const [a, b] = saved as [tf.Tensor, tf.Tensor];
        return { a: () => tf.zerosLike(a), b: () => tf.zerosLike(b) };
      },
    });
  }
}
