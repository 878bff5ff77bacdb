/**
 * @file Logit regression. Ba and Caruana 2014, "Do Deep Nets Really Need to be Deep?", arXiv:1312.6184, equation 1 [147].
 *
 *   L = 1 / (2 batch) sum over the batch of |g - z|^2,  g the student's logits, z the teacher's
 *
 * with gradient (g - z) / batch: the logits before the softmax, on which it would squash what is not the largest. The
 * paper's students are shallow and wide (`snn`), with a linear bottleneck that `foldBottlenecks` takes away afterwards.
 * Deviation: the paper normalizes the teacher's logits to zero mean and unit deviation; we take them as they are.
 */

import * as tf from '@tensorflow/tfjs-core';
import { MoonletError } from '../../errors.ts';
import { classesOf } from '../../graph/index.ts';
import { logitsAt } from '../../read/index.ts';
import { type LossMaker, teacherOf } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { described } from '../own-function.ts';
import { rank2 } from '../tensors.ts';

export interface LogitsOptions {
  /** The weight of this loss; 1 by default. The paper uses it alone, without labels. */
  readonly weight?: number | Schedule;
}

/**
 * Logit regression: half the squared difference of the logits, averaged over the batch (Ba and Caruana 2014, arXiv:1312.6184,
 * equation 1).
 * @throws MoonletError when there is no teacher, it has another number of classes, or one of the two has no logits.
 */
export const logits =
  ({ weight = 1 }: LogitsOptions = {}): LossMaker =>
  (nets) => {
    const teacher = teacherOf(nets, 'logits');
    const [mine, theirs] = [classesOf(nets.student), classesOf(teacher)];
    if (mine !== theirs) {
      throw new MoonletError(
        `logits: the student has ${mine} classes, the teacher ${theirs}; the numbers must be equal`,
      );
    }
    const [g, z] = [logitsAt(nets.student), logitsAt(teacher)];
    return {
      name: 'logits',
      weight,
      constants: {},
      student: [g],
      teacher: [z],
      compute: described((at) => logitsOf(rank2(at.student(g)), rank2(at.teacher(z))), ...['logits', g, z]),
    };
  };

/** The value itself: logits of student and teacher, [batch, classes]. */
export const logitsOf = (student: tf.Tensor2D, teacher: tf.Tensor2D): tf.Scalar =>
  tf.div(tf.sum(tf.squaredDifference(student, teacher)), 2 * student.shape[0]);
