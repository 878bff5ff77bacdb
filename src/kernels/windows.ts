/**
 * @file The values of a sliding window as whole tensors: tap (i, j) of x has every value that the window reads at (i,
 * j).
 */

import * as tf from '@tensorflow/tfjs-core';
import { rank4 } from './attributes.ts';
import type { Pads } from './geometry.ts';

/** Pads `x_BHWC` with `value`; negative pads crop. */
export function padImage(x: tf.Tensor4D, pads: Pads, value = 0): tf.Tensor4D {
  const { top, bottom, left, right } = pads;
  const [b, h, w, c] = x.shape;
  const crop = (pad: number): number => Math.max(0, -pad);
  let y = x;
  if (top < 0 || bottom < 0 || left < 0 || right < 0) {
    const size: [number, number, number, number] = [
      b,
      h - crop(top) - crop(bottom),
      w - crop(left) - crop(right),
      c,
    ];
    y = tf.slice4d(y, [0, crop(top), crop(left), 0], size);
  }
  const grow = (pad: number): number => Math.max(0, pad);
  if (grow(top) + grow(bottom) + grow(left) + grow(right) === 0) return y;
  return tf.pad4d(
    y,
    [
      [0, 0],
      [grow(top), grow(bottom)],
      [grow(left), grow(right)],
      [0, 0],
    ],
    value,
  );
}

/** The values that the window's tap at offset (i, j) reads, `stride` apart: `[b, oh, ow, c]`. */
export function tap(
  padded: tf.Tensor4D,
  [i, j]: readonly [number, number],
  [oh, ow]: readonly [number, number],
  [sh, sw]: readonly [number, number],
): tf.Tensor4D {
  const [b, , , c] = padded.shape;
  if (sh === 1 && sw === 1) return tf.slice4d(padded, [0, i, j, 0], [b, oh, ow, c]);
  const end = [b, i + (oh - 1) * sh + 1, j + (ow - 1) * sw + 1, c];
  return rank4(tf.stridedSlice(padded, [0, i, j, 0], end, [1, sh, sw, 1]));
}

/** Puts `stride - 1` zeros behind each row and column: `[b, h, w, c] -> [b, h*sh, w*sw, c]`. */
export function spread(x: tf.Tensor4D, [sh, sw]: readonly [number, number]): tf.Tensor4D {
  const [b, h, w, c] = x.shape;
  let y: tf.Tensor = x;
  if (sw > 1)
    y = tf.pad3d(tf.reshape(y, [b * h * w, 1, c]), [
      [0, 0],
      [0, sw - 1],
      [0, 0],
    ]);
  if (sh > 1)
    y = tf.pad3d(tf.reshape(y, [b * h, 1, w * sw * c]), [
      [0, 0],
      [0, sh - 1],
      [0, 0],
    ]);
  return tf.reshape(y, [b, h * sh, w * sw, c]);
}

/**
 * The adjoint of `tap`: `[b, oh, ow, c]` laid into zeros of `[b, h, w, c]`, `stride` apart, from (i, j) on.
 */
export function untap(
  y: tf.Tensor4D,
  [i, j]: readonly [number, number],
  [h, w]: readonly [number, number],
  stride: readonly [number, number],
): tf.Tensor4D {
  const wide = spread(y, stride);
  const bottom = h - i - wide.shape[1];
  const right = w - j - wide.shape[2];
  return padImage(wide, { top: i, bottom, left: j, right });
}
