/**
 * @file Logit standardization. Sun, Ren, Li, Wang and Cao, CVPR 2024, arXiv:2403.01427, section 3 and algorithm 1.
 *
 * Soft targets make the student's logits as large as the teacher's, which a small net cannot always do. Here only their order and
 * their proportions count: both nets' logits are brought to mean 0 and deviation 1 in each example before the softmax,
 *
 *   Z(z) = (z - mean(z)) / (std(z) + 1e-7)
 *   L = T^2 KL(softmax(Z(v) / T) || softmax(Z(z) / T)),  v of the teacher, z of the student
 *
 * averaged over the batch. The deviation divides by classes - 1, as in the authors' code. The base temperature is 2, the weight 9,
 * beside cross-entropy with weight 0.1.
 */

import * as tf from '@tensorflow/tfjs-core';
import { type LossMaker, teacherOf } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { aboveZero, settingsOf } from '../loss/settings.ts';
import { rank2 } from '../tensors.ts';
import { logitPair } from './logit-pair.ts';
import { softTargetsOf } from './soft-targets.ts';

export interface LogitStandardizationOptions {
  /** The weight of this loss; 9 by default. */
  readonly weight?: number | Schedule;
  /** The base temperature; 2 by default. */
  readonly temperature?: number | Schedule;
}

/**
 * Soft targets of standardized logits (Sun et al. 2024, arXiv:2403.01427, algorithm 1). For DKD with standardized logits see the
 * option `standardized` of `dkd`.
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
 *   losses: [losses.crossEntropy({ weight: 0.1 }), losses.logitStandardization({ weight: 9, temperature: 2 })],
 * });
 * finished; // true
 */
export const logitStandardization =
  ({ weight = 9, temperature = 2 }: LogitStandardizationOptions = {}): LossMaker =>
  (nets) => {
    const settings = settingsOf({ temperature: [temperature, aboveZero] });
    const pair = logitPair(nets.student, teacherOf(nets, 'logit-standardization'), 'logit-standardization');
    return {
      name: 'logit-standardization',
      weight,
      constants: {},
      ...settings,
      student: [pair.student],
      teacher: [pair.teacher],
      compute: (at) =>
        softTargetsOf(
          standardize(rank2(at.student(pair.student))),
          standardize(rank2(at.teacher(pair.teacher))),
          at.setting('temperature'),
        ),
    };
  };

/** Z: logits [batch, classes] with mean 0 and deviation 1 in each row; a row of equal logits becomes 0. */
export function standardize(logits: tf.Tensor2D): tf.Tensor2D {
  const centred = tf.sub<tf.Tensor2D>(logits, tf.mean(logits, 1, true));
  const variance = tf.div(tf.sum(tf.square(centred), 1, true), Math.max(1, logits.shape[1] - 1));
  // held off zero, where the root has no gradient
  const deviation = tf.sqrt(tf.maximum(variance, 1e-14));
  return tf.div(centred, tf.add(deviation, 1e-7));
}
