/**
 * @file Relational knowledge distillation (RKD). Park, Kim, Lu and Cho, CVPR 2019, arXiv:1904.05068, section 3: the student's
 * embeddings lie to each other as the teacher's do, whatever their dimensions are.
 *
 *   distance: psi(i, j) = |e_i - e_j| / mu,  mu the mean of the distances of all pairs of the batch
 *   angle:    psi(i, j, k) = cos of the angle at e_j between e_i and e_k
 *   L = distance mean over pairs of h(psi_s, psi_t) + angle mean over triplets of h(psi_s, psi_t)
 *
 * with Huber's h(x, y) = (x - y)^2 / 2 where |x - y| <= 1, |x - y| - 1/2 elsewhere. The means are over all batch^2 pairs and batch^3
 * triplets, those of equal indices included (they are 0), as in the authors' code. distance = 25, angle = 50, as in the paper beside
 * cross-entropy.
 */

import * as tf from '@tensorflow/tfjs-core';
import { type LossMaker, teacherOf } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { fromZero, settingsOf } from '../loss/settings.ts';
import { described } from '../own-function.ts';
import { rank2, rank3 } from '../tensors.ts';
import { embeddingPair } from './embeddings.ts';

export interface RkdOptions {
  /** The weight of this loss; 1 by default. */
  readonly weight?: number | Schedule;
  /** The weight of the distances; 25 by default. */
  readonly distance?: number | Schedule;
  /** The weight of the angles; 50 by default. */
  readonly angle?: number | Schedule;
  /** The nodes of the embeddings; by default the inputs of the last dense layers. Their lengths may differ. */
  readonly embeddings?: readonly [student: string, teacher: string];
}

/**
 * Relational knowledge distillation: distances and angles between the embeddings of a batch, compared with the teacher's (Park et al.
 * 2019, arXiv:1904.05068, section 3). Use it together with `crossEntropy`.
 *
 * Memory: several arrays of batch^2 x length and of batch^3 floats, 1 MB each for a batch of 64 and embeddings of 64 numbers.
 * @throws MoonletError when there is no teacher, or an embedding is no vector.
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
 *   losses: [losses.crossEntropy(), losses.rkd({ distance: 25, angle: 50 })],
 * });
 * finished; // true
 */
export const rkd =
  ({ weight = 1, distance = 25, angle = 50, embeddings }: RkdOptions = {}): LossMaker =>
  (nets) => {
    const settings = settingsOf({ distance: [distance, fromZero], angle: [angle, fromZero] });
    const teacher = teacherOf(nets, 'rkd');
    const pair = embeddingPair(nets.student, teacher, 'rkd', embeddings);
    const [s, t] = [pair.student.id, pair.teacher.id];
    return {
      name: 'rkd',
      weight,
      constants: {},
      ...settings,
      student: [s],
      teacher: [t],
      leastBatch: 3,
      compute: described(
        (at) => {
          const [mine, theirs] = [rank2(at.student(s)), rank2(at.teacher(t))];
          const distances = huber(distancesOf(mine), distancesOf(theirs));
          const angles = huber(anglesOf(mine), anglesOf(theirs));
          return tf.add<tf.Scalar>(
            tf.mul(distances, at.setting('distance')),
            tf.mul(angles, at.setting('angle')),
          );
        },
        ...['rkd', s, t],
      ),
    };
  };

/** Differences e_j - e_i at [i, j], [batch, batch, length]. */
const differencesOf = (x: tf.Tensor2D): tf.Tensor => tf.sub(tf.expandDims(x, 0), tf.expandDims(x, 1));

/** Distances of embeddings [batch, length], divided by the mean of those of different examples: [batch, batch]. */
export function distancesOf(x: tf.Tensor2D): tf.Tensor2D {
  const [count] = x.shape;
  const squares = tf.sum(tf.square(differencesOf(x)), 2);
  // held off zero, where the root has no gradient; the diagonal is exactly 0
  const apart = tf.sub(1, tf.eye(count));
  const all = tf.mul<tf.Tensor2D>(tf.sqrt(tf.maximum(squares, 1e-12)), apart);
  return tf.div(all, tf.div(tf.sum(all), count * (count - 1)));
}

/** Cosines of the angles at e_j between e_i and e_k at [j, i, k], of embeddings [batch, length]: [batch, batch, batch]. */
export function anglesOf(x: tf.Tensor2D): tf.Tensor3D {
  const to = differencesOf(x);
  const unit = rank3(tf.mul(to, tf.rsqrt(tf.maximum(tf.sum(tf.square(to), 2, true), 1e-24))));
  return tf.matMul(unit, unit, false, true);
}

/** The mean of Huber's loss with threshold 1. */
export function huber(a: tf.Tensor, b: tf.Tensor): tf.Scalar {
  const gap = tf.sub(a, b);
  // (|g| clipped to 1) (|g| - half of it) is g^2 / 2 up to 1, and |g| - 1/2 beyond
  const size = tf.maximum(gap, tf.neg(gap));
  const inner = tf.minimum(size, 1);
  return tf.mean(tf.mul(inner, tf.sub(size, tf.div(inner, 2))));
}
