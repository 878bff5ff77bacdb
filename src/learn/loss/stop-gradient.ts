/** @file Stops the gradient: treats a value as a constant. */
import * as tf from '@tensorflow/tfjs-core';

/** The same value, through which no gradient flows. */
export const stopGradient = <T extends tf.Tensor>(x: T): T =>
  tf.customGrad(() => ({
    value: tf.clone(x),
    gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy),
  }))(x) as T;
