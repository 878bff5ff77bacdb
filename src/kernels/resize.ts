/** @file Bilinear upsampling whose gradient is exact: tf's own looks away when pixels are aligned by their centres. */
import * as tf from '@tensorflow/tfjs-core';

/** `x [b, h, w, c]` -> `[b, f h, f w, c]`, mixed between the centres of pixels; the border repeats outwards. */
export function upsampleBilinear(x: tf.Tensor4D, factor: number): tf.Tensor4D {
  const [, h, w] = x.shape;
  const resized = tf.customGrad((image) => ({
    value: tf.image.resizeBilinear(image as tf.Tensor4D, [h * factor, w * factor], false, true),
    gradFunc: (dy: tf.Tensor) => gathered(dy as tf.Tensor4D, h, w, factor),
  }));
  return resized(x) as tf.Tensor4D;
}

/** The transpose: every pixel gets back what it gave, by rows and then by columns. */
function gathered(dy: tf.Tensor4D, h: number, w: number, factor: number): tf.Tensor4D {
  const [b, tall, wide, c] = dy.shape;
  const rows = tf.matMul(shares(h, factor), tf.reshape(dy, [b, tall, wide * c]));
  const columns = tf.matMul(shares(w, factor), tf.reshape(rows, [b * h, wide, c]));
  return tf.reshape(columns, [b, h, w, c]);
}

/** [n, f n]: how much of each old pixel is in each new one. */
function shares(n: number, factor: number): tf.Tensor2D {
  const values = new Float32Array(n * n * factor);
  for (let i = 0; i < n * factor; i++) {
    const at = (i + 0.5) / factor - 0.5;
    const low = Math.floor(at);
    const high = at - low;
    for (const [pixel, share] of [
      [low, 1 - high],
      [low + 1, high],
    ] as const) {
      const inside = Math.min(n - 1, Math.max(0, pixel));
      values[inside * n * factor + i] = (values[inside * n * factor + i] as number) + share;
    }
  }
  return tf.tensor2d(values, [n, n * factor]);
}
