/** @file `tf.customGrad` for one result, with the types of tensors and of `save` kept apart. */
import * as tf from '@tensorflow/tfjs-core';
import { defined } from '../access.ts';

export interface WithGradient {
  readonly value: tf.Tensor;
  /** The gradients of the inputs from that of the value. `saved` are the tensors that were saved, in order. */
  readonly gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.Tensor | tf.Tensor[];
}

/** The value of f at some tensors, with the gradient that f gives. Tensors that the gradient needs must be saved. */
export function customGradient(
  inputs: readonly tf.Tensor[],
  f: (inputs: readonly tf.Tensor[], save: (tensors: tf.Tensor[]) => void) => WithGradient,
): tf.Tensor {
  const run = tf.customGrad((...args) => {
    const tensors = args.flatMap((arg) => (typeof arg === 'function' ? [] : [arg]));
    const save = args.find((arg) => typeof arg === 'function');
    return f(tensors, defined(save, 'save function'));
  });
  return run(...inputs);
}
