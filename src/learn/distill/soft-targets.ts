/**
 * @file Soft targets. Hinton, Vinyals and Dean 2015, "Distilling the Knowledge in a Neural Network",
 * arXiv:1503.02531, section 2 [153].
 *
 *   L = T^2 sum_k p_k (log p_k - log q_k),  p = softmax(v / T) of the teacher, q = softmax(z / T) of the student
 *
 * averaged over the batch. The factor T^2 keeps the gradient's size when T changes. With hard labels beside it:
 * `[crossEntropy({ weight: 1 - alpha }), softTargets({ weight: alpha, temperature })]`.
 */

import * as tf from '@tensorflow/tfjs-core';
import { type LossMaker, teacherOf } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { aboveZero, settingsOf } from '../loss/settings.ts';
import { described } from '../own-function.ts';
import { rank2 } from '../tensors.ts';
import { logitPair } from './logit-pair.ts';

export interface SoftTargetsOptions {
  /** The share alpha of the soft part; 0.9 by default. */
  readonly weight?: number | Schedule;
  /** The temperature; 4 by default. */
  readonly temperature?: number | Schedule;
}

/**
 * The divergence of the student's softened probabilities from the teacher's, T^2 KL(softmax(v / T) || softmax(z / T)) with
 * logits v of the teacher and z of the student (Hinton et al. 2015, arXiv:1503.02531).
 * @throws MoonletError when there is no teacher, it has another number of classes, or one of the two has no logits; UsageError for
 * a temperature that is not above 0.
 *
 * @example
 * import { graph, init, input } from 'moonlet';
 * import { dataset } from 'moonlet/data';
 * import { fit, losses, oneCycle } from 'moonlet/learn';
 *
 * const pixels = Uint8Array.from({ length: 32 * 64 }, (_, i) => (i * i) % 251);
 * const labels = Array.from({ length: 32 }, (_, i) => i % 4);
 * const data = dataset({ shape: [8, 8, 1], classes: 4, train: { pixels, labels }, test: { pixels, labels } });
 * const tiny = (channels: number) =>
 *   init(graph('tiny', input(8, 8, 1).pipe('stage1', (x) => x.conv(channels).norm().relu()).globalPool().dense(4)));
 * const cooling = oneCycle({ steps: 3, peak: 4 }); // numbers may change from step to step
 * const { finished } = await fit(tiny(8), data.train, data, {
 *   ...{ teacher: tiny(16), steps: 3, batch: 8 },
 *   losses: [losses.crossEntropy({ weight: 0.1 }), losses.softTargets({ temperature: cooling })],
 * });
 * finished; // true
 */
export const softTargets =
  ({ weight = 0.9, temperature = 4 }: SoftTargetsOptions = {}): LossMaker =>
  (nets) => {
    const teacher = teacherOf(nets, 'soft-targets');
    const settings = settingsOf({ temperature: [temperature, aboveZero] });
    const { student: z, teacher: v } = logitPair(nets.student, teacher, 'soft-targets');
    return {
      name: 'soft-targets',
      weight,
      constants: {},
      ...settings,
      student: [z],
      teacher: [v],
      compute: described(
        (at) => softTargetsOf(rank2(at.student(z)), rank2(at.teacher(v)), at.setting('temperature')),
        ...['soft-targets', z, v],
      ),
    };
  };

/** The value itself: logits of student and teacher, [batch, classes]. */
export function softTargetsOf(student: tf.Tensor2D, teacher: tf.Tensor2D, temperature: tf.Scalar): tf.Scalar {
  const logQ = tf.logSoftmax(tf.div<tf.Tensor2D>(student, temperature));
  const logP = tf.logSoftmax(tf.div<tf.Tensor2D>(teacher, temperature));
  const divergence = tf.mean(tf.sum(tf.mul(tf.exp(logP), tf.sub(logP, logQ)), 1));
  return tf.mul(divergence, tf.square(temperature));
}
