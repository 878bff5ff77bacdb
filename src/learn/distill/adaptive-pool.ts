/** @file Adaptive average pooling: maps of any size averaged to a given one, as PyTorch's `adaptive_avg_pool2d` does. */
import * as tf from '@tensorflow/tfjs-core';
import { rank4 } from '../tensors.ts';

/**
 * A map [batch, h, w, c] averaged to [batch, size, size, c]. Cell i takes rows floor(i h / size) to ceil((i + 1) h / size) - 1, and
 * columns alike; cells overlap where the size does not divide.
 */
export function adaptivePool(x: tf.Tensor4D, size: number): tf.Tensor4D {
  const [batch, h, w, c] = x.shape;
  const rows = tf.reshape(tf.transpose(x, [1, 0, 2, 3]), [h, batch * w * c]);
  const tall = tf.reshape(tf.matMul(averages(h, size), rows), [size, batch, w, c]);
  const columns = tf.reshape(tf.transpose(tall, [2, 1, 0, 3]), [w, batch * size * c]);
  const wide = tf.reshape(tf.matMul(averages(w, size), columns), [size, batch, size, c]);
  return rank4(tf.transpose(wide, [1, 2, 0, 3]));
}

/** The matrix [size, from] whose row i averages the places of cell i. */
function averages(from: number, size: number): tf.Tensor2D {
  const values = new Float32Array(size * from);
  for (let i = 0; i < size; i++) {
    const [first, end] = [Math.floor((i * from) / size), Math.ceil(((i + 1) * from) / size)];
    values.fill(1 / (end - first), i * from + first, i * from + end);
  }
  return tf.tensor2d(values, [size, from]);
}
