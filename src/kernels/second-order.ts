/**
 * @file Gradients of gradients that tf lacks.
 *
 * The gradient of relu6 multiplies by the comparison 0 <= x <= 6, and tf has no gradient of comparisons. They are constant wherever
 * they are differentiable, so that their gradient is zero. The gradients of sigmoid, tanh and softmax read the saved output of the op,
 * and tf's tape does not connect it to x (the copy is recorded before the op): a second derivative would be wrong without an error.
 * Here these gradients are functions of x.
 */
import * as tf from '@tensorflow/tfjs-core';
import { byName, onlyOne } from './register.ts';

const comparisons = ['Less', 'LessEqual', 'Greater', 'GreaterEqual', 'Equal', 'NotEqual'] as const;
type Slope = (dy: tf.Tensor, x: tf.Tensor) => tf.Tensor;
const slopes: Readonly<Record<string, readonly [input: string, Slope]>> = {
  Sigmoid: [
    'x',
    (dy, x) => {
      const y = tf.sigmoid(x);
      return tf.mul(dy, tf.mul(y, tf.sub(1, y)));
    },
  ],
  Tanh: ['x', (dy, x) => tf.mul(dy, tf.sub(1, tf.square(tf.tanh(x))))],
  Softmax: [
    'logits', // over the last axis, the only one that tf's own gradient supports
    (dy, x) => {
      const y = tf.softmax(x);
      const weighted = tf.mul(dy, y);
      return tf.sub(weighted, tf.mul(tf.sum(weighted, -1, true), y));
    },
  ],
};
let done = false;

/** Makes tf's own ops differentiable twice. First gradients do not change; a second call does nothing. */
export function registerSecondOrder(): void {
  if (done) return;
  done = true;
  for (const kernelName of comparisons) {
    if (tf.getGradient(kernelName)) continue;
    tf.registerGradient({
      kernelName,
      inputsToSave: ['a', 'b'],
      gradFunc: (_, saved) => {
        const of = byName(kernelName, ['a', 'b'], saved);
        return { a: () => tf.zerosLike(of('a')), b: () => tf.zerosLike(of('b')) };
      },
    });
  }
  for (const [kernelName, [input, slope]] of Object.entries(slopes)) {
    tf.registerGradient({
      kernelName,
      inputsToSave: [input],
      gradFunc: (dy, saved) => ({
        [input]: () => slope(onlyOne(dy), byName(kernelName, [input], saved)(input)),
      }),
    });
  }
}
