/**
 * @file DIST. Huang, You, Wang, Qian and Xu, NeurIPS 2022, arXiv:2205.10536, "Knowledge Distillation from A Stronger Teacher",
 * section 3: the student need not have the teacher's probabilities, but their relations.
 *
 *   d(u, v) = 1 - rho(u, v),  rho Pearson's correlation
 *   L = T^2 (beta mean over examples of d(q_i, p_i) + gamma mean over classes of d(q_:k, p_:k))
 *
 * with probabilities q of the student and p of the teacher at temperature T, [batch, classes]. The first part compares the classes of
 * an example (inter-class), the second the examples of a batch in one class (intra-class). d does not change when u or v is shifted or
 * scaled by a positive number. beta = gamma = 2 beside cross-entropy with weight 1, T = 1, as in the paper for ImageNet; for CIFAR-100 it
 * takes T = 4.
 */

import * as tf from '@tensorflow/tfjs-core';
import { type LossMaker, teacherOf } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { aboveZero, fromZero, settingsOf } from '../loss/settings.ts';
import { described } from '../own-function.ts';
import { rank2 } from '../tensors.ts';
import { logitPair } from './logit-pair.ts';

export interface DistOptions {
  /** The weight of this loss; 1 by default. */
  readonly weight?: number | Schedule;
  /** The weight of the relations between the classes of an example; 2 by default. */
  readonly beta?: number | Schedule;
  /** The weight of the relations between the examples of a batch; 2 by default. */
  readonly gamma?: number | Schedule;
  /** The temperature; 1 by default. */
  readonly temperature?: number | Schedule;
}

/**
 * DIST: one minus Pearson's correlation of the probabilities of student and teacher, by example and by class (Huang et al. 2022,
 * arXiv:2205.10536, section 3). Use it together with `crossEntropy`.
 * @throws MoonletError when there is no teacher, it has another number of classes, or one of the two has no logits; UsageError for
 * a temperature that is not above 0.
 *
 * @example
 * import { graph, init, input } from 'moonlet';
 * import { dataset } from 'moonlet/data';
 * import { distill, losses } from 'moonlet/learn';
 *
 * const pixels = Uint8Array.from({ length: 32 * 64 }, (_, i) => (i * i) % 251);
 * const labels = Array.from({ length: 32 }, (_, i) => i % 4);
 * const data = dataset({ shape: [8, 8, 1], classes: 4, train: { pixels, labels }, test: { pixels, labels } });
 * const tiny = (channels: number) =>
 *   init(graph('tiny', input(8, 8, 1).pipe('stage1', (x) => x.conv(channels).norm().relu()).globalPool().dense(4)));
 * const { finished } = await distill(tiny(8), data.train, data, {
 *   ...{ teacher: tiny(16), steps: 3, batch: 8 },
 *   losses: [losses.crossEntropy(), losses.dist({ beta: 2, gamma: 2 })],
 * });
 * finished; // true
 */
export const dist =
  ({ weight = 1, beta = 2, gamma = 2, temperature = 1 }: DistOptions = {}): LossMaker =>
  (nets) => {
    const settings = settingsOf({
      beta: [beta, fromZero],
      gamma: [gamma, fromZero],
      temperature: [temperature, aboveZero],
    });
    const pair = logitPair(nets.student, teacherOf(nets, 'dist'), 'dist');
    return {
      name: 'dist',
      weight,
      constants: {},
      ...settings,
      student: [pair.student],
      teacher: [pair.teacher],
      leastBatch: 2,
      compute: described(
        (at) => {
          const soft = (x: tf.Tensor): tf.Tensor2D =>
            tf.softmax(tf.div<tf.Tensor2D>(rank2(x), at.setting('temperature')));
          const [q, p] = [soft(at.student(pair.student)), soft(at.teacher(pair.teacher))];
          const inter = tf.mul(correlationGap(q, p), at.setting('beta'));
          const intra = tf.mul(correlationGap(tf.transpose(q), tf.transpose(p)), at.setting('gamma'));
          return tf.mul<tf.Scalar>(tf.add(inter, intra), tf.square(at.setting('temperature')));
        },
        ...['dist', pair.student, pair.teacher],
      ),
    };
  };

/** One minus the correlation of each row of u and v, [rows, n], averaged over the rows; 1 for a constant row. */
export function correlationGap(u: tf.Tensor2D, v: tf.Tensor2D): tf.Scalar {
  const [a, b] = [unitRows(u), unitRows(v)];
  return tf.sub<tf.Scalar>(1, tf.mean(tf.sum(tf.mul(a, b), 1)));
}

/** Rows of mean 0 and length 1; rows shorter than 1e-8 stay short. */
function unitRows(x: tf.Tensor2D): tf.Tensor {
  const centred = tf.sub(x, tf.mean(x, 1, true));
  return tf.mul(centred, tf.rsqrt(tf.maximum(tf.sum(tf.square(centred), 1, true), 1e-16)));
}
