/**
 * @file Resizing of images with a matrix for each axis: y = H x W^T for each channel. Its gradient is H^T dy W.
 */
import * as tf from '@tensorflow/tfjs-core';

export interface ResizeOptions {
  readonly nearest: boolean;
  readonly alignCorners: boolean;
  readonly halfPixelCenters: boolean;
}

/** The interpolation matrix `[to, from]` of one axis, row by row, with tf's positions and weights of the samples. */
export function resizeMatrix(
  from: number,
  to: number,
  { nearest, alignCorners, halfPixelCenters: half }: ResizeOptions,
): Float32Array {
  const corners = alignCorners && to > 1;
  const scale = corners ? (from - 1) / (to - 1) : from / to;
  const matrix = new Float32Array(to * from);
  for (let i = 0; i < to; i++) {
    const place = half ? scale * (i + 0.5) - (nearest ? 0 : 0.5) : scale * i;
    if (nearest) {
      const pick = corners ? Math.round(place) : Math.floor(place);
      matrix[i * from + Math.min(from - 1, Math.max(0, pick))] = 1;
      continue;
    }
    const low = Math.max(0, Math.floor(place));
    const high = Math.min(from - 1, Math.ceil(place));
    const part = Math.max(0, place - low);
    matrix[i * from + low] = (matrix[i * from + low] ?? 0) + 1 - part;
    matrix[i * from + high] = (matrix[i * from + high] ?? 0) + part;
  }
  return matrix;
}

/** The gradient of resizing: the transposed matrices, first over rows and then over columns. */
export function resizeGrad(dy: tf.Tensor4D, { shape }: tf.Tensor4D, options: ResizeOptions): tf.Tensor4D {
  const [b, h, w, c] = shape;
  const [, tall, wide] = dy.shape;
  const matrix = (from: number, to: number): tf.Tensor2D =>
    tf.tensor2d(resizeMatrix(from, to, options), [to, from]);
  const rows = tf.matMul(matrix(h, tall), tf.reshape(dy, [b, tall, wide * c]), true);
  const columns = tf.matMul(matrix(w, wide), tf.reshape(rows, [b * h, wide, c]), true);
  return tf.reshape(columns, [b, h, w, c]);
}

/** Bilinear upsampling, `x [b, h, w, c]` -> `[b, f h, f w, c]`, aligned by the centres of pixels; beyond the border its pixels repeat. */
export function upsampleBilinear(x: tf.Tensor4D, factor: number): tf.Tensor4D {
  const [, h, w] = x.shape;
  return tf.image.resizeBilinear(x, [h * factor, w * factor], false, true);
}
