/**
 * @file Cropping as sums with fixed weights. What a proposal sees of a map is a grid of bins x bins, each bin the mean of
 * 2 x 2 points read bilinearly (RoIAlign: He et al. 2017, arXiv:1703.06870, section 3). A point's weights are a product
 * of those by row and by column, which are numbers of the box alone: the host works them out, and a traced step of fixed
 * shapes takes them as inputs.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Box } from './boxes.ts';

export interface CropWeights {
  /** [bins, cells]: how much each row of the map counts in a row of bins. Each sums to 1. */
  readonly rows: Float32Array;
  /** [bins, cells], likewise. */
  readonly columns: Float32Array;
}

/** For a map of cells x cells whose cell i has its middle at (i + 1/2) stride. Points outside read the border. */
export const cropWeights = (
  [top, left, bottom, right]: Box,
  bins: number,
  cells: number,
  stride: number,
): CropWeights => ({
  rows: axisWeights(top / stride, bottom / stride, bins, cells),
  columns: axisWeights(left / stride, right / stride, bins, cells),
});

const points = 2;

function axisWeights(from: number, to: number, bins: number, cells: number): Float32Array {
  const weights = new Float32Array(bins * cells);
  const step = (to - from) / (bins * points);
  for (let p = 0; p < bins * points; p++) {
    const at = Math.min(cells - 1, Math.max(0, from + (p + 0.5) * step - 0.5));
    const low = Math.min(cells - 2, Math.floor(at));
    const row = Math.floor(p / points) * cells;
    weights[row + low] = weights[row + low]! + (1 - (at - low)) / points;
    weights[row + low + 1] = weights[row + low + 1]! + (at - low) / points;
  }
  return weights;
}

/** Crops of a map: [batch, cells, cells, c] with weights [batch, n, bins, cells] -> [batch, n, bins * bins, c]. */
export function crops(map: tf.Tensor4D, rows: tf.Tensor4D, columns: tf.Tensor4D): tf.Tensor4D {
  const [batch, h, w, c] = map.shape;
  const [, n, bins] = rows.shape;
  const points_BNxHW = tf.reshape(grid(rows, columns), [batch, n * bins * bins, h * w]);
  return tf.reshape(tf.matMul(points_BNxHW, tf.reshape(map, [batch, h * w, c])), [batch, n, bins * bins, c]);
}

/**
 * Position-sensitive pooling: bin b of a proposal reads channels b * depth .. (b + 1) * depth - 1 alone, and the bins vote
 * by their mean (Dai et al. 2016, arXiv:1605.06409, equations 1 and 2).
 * [batch, cells, cells, bins * bins * depth] -> [batch, n, depth].
 */
export function vote(map: tf.Tensor4D, rows: tf.Tensor4D, columns: tf.Tensor4D): tf.Tensor3D {
  const [batch, h, w, c] = map.shape;
  const [, n, bins] = rows.shape;
  const depth = c / bins ** 2;
  // [batch, n, bins^2, h, w] -> [batch, n, h, w, bins^2], in the order of the map's channels
  const weights = tf.transpose(tf.reshape(grid(rows, columns), [batch, n, bins * bins, h * w]), [0, 1, 3, 2]);
  const flat = tf.reshape(weights, [batch, n, h * w * bins * bins]);
  const votes = tf.matMul(flat, tf.reshape(map, [batch, h * w * bins * bins, depth]));
  return tf.div<tf.Tensor3D>(votes, bins ** 2);
}

/** rows times columns: [batch, n, bins, bins, h, w], as [batch, n, bins, 1, h, 1] * [batch, n, 1, bins, 1, w]. */
function grid(rows: tf.Tensor4D, columns: tf.Tensor4D): tf.Tensor {
  const [batch, n, bins, h] = rows.shape;
  const w = columns.shape[3];
  return tf.mul(tf.reshape(rows, [batch, n, bins, 1, h, 1]), tf.reshape(columns, [batch, n, 1, bins, 1, w]));
}
