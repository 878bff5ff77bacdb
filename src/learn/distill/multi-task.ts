/**
 * @file Multi-task prediction and distillation. Xu, Ouyang, Wang, Sebe, CVPR 2018, PAD-Net, arXiv:1805.04409 [163].
 *
 * The net is the architecture `pad-net`, whose modules A, B and C (section 3.3, equations 1 to 4) pass messages between
 * tasks. Here is its loss (section 3.4): the sum over all heads, first and final ones, of softmax cross-entropy for
 * segmentation, cross-entropy for contours, and squared error for depth, each averaged over places:
 *
 *   L = sum over heads of w_task L_task
 *
 * There is no teacher: the first predictions, held to labels of their own, are what the final tasks distill.
 */

import * as tf from '@tensorflow/tfjs-core';
import { checkLogits } from '../../read/index.ts';
import type { LossMaker, Signals } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { binaryCrossEntropy, logSoftmax } from '../task/detect/loss.ts';
import { type ParsingTask, parserLayout } from '../task/parse/layout.ts';
import { rank3, rank4 } from '../tensors.ts';

export interface ParsingLossOptions {
  readonly classes: number;
  readonly weight?: number | Schedule;
  /** The weight w of each task; 1 by default. */
  readonly tasks?: Readonly<Partial<Record<ParsingTask, number | undefined>>>;
  /** False: the final heads alone are held to labels. */
  readonly first?: boolean;
}

/** For any parser: a net with one head has the loss of one. */
export const parsingLoss =
  ({ classes, weight = 1, tasks = {}, first = true }: ParsingLossOptions): LossMaker =>
  ({ student }) => {
    const heads = parserLayout(student, classes).predictions.filter((p) => first || p.final);
    for (const { task, id } of heads) if (task !== 'depth') checkLogits(student, id);
    return {
      name: 'parsing',
      weight,
      constants: { tasks, first },
      student: heads.map((h) => h.id),
      targets: [...new Set(heads.map((h) => h.task))],
      compute: (at) =>
        tf.addN(
          heads.map(({ task, id }) =>
            tf.mul<tf.Scalar>(headLoss[task](rank4(at.student(id)), at), tasks[task] ?? 1),
          ),
        ),
    };
  };

/** Predictions [batch, cells, cells, c] against targets [batch, cells, cells]. */
const headLoss: Readonly<Record<ParsingTask, (said: tf.Tensor4D, at: Pick<Signals, 'target'>) => tf.Scalar>> =
  {
    segmentation: (logits, at) => {
      const hard = tf.cast(tf.oneHot(rank3(at.target('segmentation')), logits.shape[3]), 'float32');
      return tf.neg(tf.mean<tf.Scalar>(tf.sum(tf.mul(hard, logSoftmax(logits)), 3)));
    },
    depth: (said, at) => tf.mean(tf.squaredDifference(flat(said), at.target('depth'))),
    contour: (logits, at) => tf.mean(binaryCrossEntropy(flat(logits), at.target('contour'))),
  };
/** Without the one channel. */
const flat = (x: tf.Tensor4D): tf.Tensor3D => tf.reshape(x, [x.shape[0], x.shape[1], x.shape[2]]);
