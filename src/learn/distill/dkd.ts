/**
 * @file Decoupled knowledge distillation (DKD). Zhao, Cui, Song, Qiu and Liang, CVPR 2022, arXiv:2203.08679, section 3.
 *
 * With the label t and probabilities p of the teacher and q of the student at temperature T, soft targets are a sum of two
 * parts:
 *
 *   KL(p || q) = TCKD + (1 - p_t) NCKD
 *   TCKD = KL((p_t, 1 - p_t) || (q_t, 1 - q_t))      of the label against the other classes
 *   NCKD = KL(p' || q'),  p' and q' the softmaxes over all classes but t
 *
 * The factor 1 - p_t is small where the teacher is sure, and weakens NCKD. DKD gives both parts weights of their own (equation 7):
 *
 *   L = T^2 (alpha TCKD + beta NCKD),  averaged over the batch
 *
 * alpha = 1; beta is tuned for each pair in the paper (8 is the default, as in the authors' code); T = 4. The authors raise the weight
 * linearly from 0 over the first 20 of 240 epochs.
 */

import * as tf from '@tensorflow/tfjs-core';
import { type LossMaker, teacherOf } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { aboveZero, fromZero, settingsOf } from '../loss/settings.ts';
import { described } from '../own-function.ts';
import { rank2 } from '../tensors.ts';
import { logitPair } from './logit-pair.ts';
import { standardize } from './logit-standardization.ts';

export interface DkdOptions {
  /** The weight of this loss; 1 by default. */
  readonly weight?: number | Schedule;
  /** The weight of TCKD; 1 by default. */
  readonly alpha?: number | Schedule;
  /** The weight of NCKD; 8 by default. */
  readonly beta?: number | Schedule;
  /** The temperature; 4 by default. */
  readonly temperature?: number | Schedule;
  /** Whether the logits of both nets are standardized first, as in `logitStandardization`; false by default. */
  readonly standardized?: boolean;
}

/**
 * Decoupled knowledge distillation: soft targets whose parts for the label and for the other classes have weights of their own
 * (Zhao et al. 2022, arXiv:2203.08679, equation 7). It reads labels; use it together with `crossEntropy`.
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
 *   losses: [losses.crossEntropy(), losses.dkd({ alpha: 1, beta: 2, temperature: 4 })],
 * });
 * finished; // true
 */
export const dkd =
  ({ weight = 1, alpha = 1, beta = 8, temperature = 4, standardized = false }: DkdOptions = {}): LossMaker =>
  (nets) => {
    const settings = settingsOf({
      alpha: [alpha, fromZero],
      beta: [beta, fromZero],
      temperature: [temperature, aboveZero],
    });
    const pair = logitPair(nets.student, teacherOf(nets, 'dkd'), 'dkd');
    return {
      name: 'dkd',
      weight,
      constants: { standardized },
      ...settings,
      student: [pair.student],
      teacher: [pair.teacher],
      targets: ['labels'],
      compute: described(
        (at) => {
          const read = (x: tf.Tensor): tf.Tensor2D => (standardized ? standardize(rank2(x)) : rank2(x));
          const { target, others } = decoupledOf(
            read(at.student(pair.student)),
            read(at.teacher(pair.teacher)),
            at.labels,
            at.setting('temperature'),
          );
          return tf.add(tf.mul(target, at.setting('alpha')), tf.mul(others, at.setting('beta')));
        },
        ...['dkd', standardized, pair.student, pair.teacher],
      ),
    };
  };

/**
 * T^2 TCKD and T^2 NCKD, averaged over the batch: logits of student and teacher [batch, classes], labels [batch]. All is computed
 * from logarithms, so that 1 - p_t loses no digits where p_t is nearly 1.
 */
export function decoupledOf(
  student: tf.Tensor2D,
  teacher: tf.Tensor2D,
  labels: tf.Tensor1D,
  temperature: tf.Scalar,
): { readonly target: tf.Scalar; readonly others: tf.Scalar } {
  const hit = tf.cast(tf.oneHot(tf.cast(labels, 'int32'), student.shape[1]), 'float32');
  const [q, p] = [partsOf(student, hit, temperature), partsOf(teacher, hit, temperature)];
  const binary = tf.add(
    tf.mul(tf.exp(p.label), tf.sub(p.label, q.label)),
    tf.mul(tf.exp(p.rest), tf.sub(p.rest, q.rest)),
  );
  const others = tf.sum(tf.mul(tf.exp(p.others), tf.sub(p.others, q.others)), 1);
  const square = tf.square(temperature);
  return {
    target: tf.mul(tf.mean<tf.Scalar>(binary), square),
    others: tf.mul(tf.mean<tf.Scalar>(others), square),
  };
}

/** log p_t and log(1 - p_t), [batch, 1], and log p' of the other classes, [batch, classes], where the label's place has -1e9. */
function partsOf(logits: tf.Tensor2D, hit: tf.Tensor, temperature: tf.Scalar) {
  const log = tf.logSoftmax(tf.div<tf.Tensor2D>(logits, temperature));
  const label = tf.sum(tf.mul(log, hit), 1, true);
  const without = tf.sub(log, tf.mul(hit, 1e9));
  const rest = tf.logSumExp(without, 1, true);
  return { label, rest, others: tf.sub(without, rest) };
}
