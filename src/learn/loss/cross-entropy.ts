/** @file Cross-entropy of a classifier's logits, with label smoothing. */

import * as tf from '@tensorflow/tfjs-core';
import { classEnd } from '../../read/index.ts';
import { checkNumber } from '../options.ts';
import { described } from '../own-function.ts';
import { isRank2, rank2 } from '../tensors.ts';
import type { LossMaker } from './loss.ts';
import type { Schedule } from './schedule.ts';

export interface CrossEntropyOptions {
  readonly weight?: number | Schedule;
  /** The share of the target that is spread over all classes (Szegedy et al. 2015, arXiv:1512.00567, section 7). */
  readonly labelSmoothing?: number;
}

/**
 * Cross-entropy with the labels: -mean over the batch of sum_k q_k log p_k, with q = (1 - s) onehot(y) + s / classes; where images are
 * mixed, the mean of two classes by their shares takes the place of onehot(y). A net that ends in softmax is trained on the logits
 * before it.
 * @throws MoonletError, when bound, for a net of one class or without logits; UsageError for a share that is not from 0 to 1.
 *
 * @example
 * import { graph, init, input } from 'moonlet';
 * import { dataset } from 'moonlet/data';
 * import { fit, losses } from 'moonlet/learn';
 *
 * const pixels = Uint8Array.from({ length: 32 * 64 }, (_, i) => (i * i) % 251);
 * const labels = Array.from({ length: 32 }, (_, i) => i % 4);
 * const data = dataset({ shape: [8, 8, 1], classes: 4, train: { pixels, labels }, test: { pixels, labels } });
 * const tiny = (channels: number) =>
 *   init(graph('tiny', input(8, 8, 1).pipe('stage1', (x) => x.conv(channels).norm().relu()).globalPool().dense(4)));
 * const smooth = losses.crossEntropy({ labelSmoothing: 0.1 });
 * const { finished } = await fit(tiny(8), data.train, data, { steps: 3, batch: 8, losses: [smooth] });
 * finished; // true
 */
export const crossEntropy =
  ({ weight = 1, labelSmoothing = 0 }: CrossEntropyOptions = {}): LossMaker =>
  ({ student }) => {
    checkNumber('labelSmoothing', labelSmoothing, { least: 0, most: 1 });
    const { logits, classes } = classEnd(student);
    return {
      name: 'cross-entropy',
      weight,
      student: [logits],
      targets: ['labels'],
      softLabels: true,
      constants: { labelSmoothing },
      compute: described(
        (at) => crossEntropyOf(rank2(at.student(logits)), at.labelShares(classes), classes, labelSmoothing),
        ...['cross-entropy', logits, classes, labelSmoothing],
      ),
    };
  };

/** The value itself: logits [batch, classes], labels [batch] or their shares [batch, classes]. */
export function crossEntropyOf(
  logits: tf.Tensor2D,
  labels: tf.Tensor1D | tf.Tensor2D,
  classes: number,
  labelSmoothing = 0,
): tf.Scalar {
  const hard = isRank2(labels) ? labels : tf.cast(tf.oneHot(labels, classes), 'float32');
  const target = labelSmoothing ? tf.add(tf.mul(hard, 1 - labelSmoothing), labelSmoothing / classes) : hard;
  return tf.neg(tf.mean<tf.Scalar>(tf.sum(tf.mul(target, tf.logSoftmax(logits)), 1)));
}
