/**
 * @file Cross-modal supervision transfer. Gupta, Hoffman, Malik, CVPR 2016, arXiv:1507.00448, equation 1 [162].
 *
 *   min over W of sum over pairs of f(t(psi(I_s)), phi(I_d; W))
 *
 * psi is a layer of a teacher that sees one modality (intensity), phi the student's that sees another of the same scene
 * (depth, or edges), f the squared error, t the identity, or a 1x1 conv on the student's side where channels differ. The
 * pairs need no labels. Afterwards the student is trained on the few labelled images of its own modality.
 *
 * As everywhere, the square is divided by the number of values.
 */

import * as tf from '@tensorflow/tfjs-core';
import { last } from '../../access.ts';
import { type LossMaker, teacherOf } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { checkPair, stagePairs, type TapPair, tapPair } from '../loss/taps.ts';
import { adapter } from './adapters.ts';

export interface CrossModalOptions {
  readonly weight?: number | Schedule;
  /** Layers of student and teacher; by default the last stage or stride that both have. */
  readonly pair?: readonly [student: string, teacher: string];
}

/**
 * Cross-modal transfer: the mean squared difference of a layer of the student, which sees one modality, and one of the teacher,
 * which sees another of the same scene (Gupta et al. 2016, arXiv:1507.00448, equation 1).
 * @throws MoonletError when there is no teacher, a path is unknown, or sizes cannot be adapted.
 */
export const crossModal =
  ({ weight = 1, pair }: CrossModalOptions = {}): LossMaker =>
  (nets) => {
    if (pair) checkPair('cross-modal', 'pair', pair);
    const teacher = teacherOf(nets, 'cross-modal');
    const taps: TapPair = pair
      ? tapPair(nets.student, teacher, pair)
      : last(stagePairs(nets.student, teacher, 'cross-modal', 'pair'));
    const { id, nodes, note } = adapter(taps, { loss: 'cross-modal' });
    return {
      name: 'cross-modal',
      weight,
      constants: {},
      student: [id],
      teacher: [taps.teacher.id],
      beside: nodes,
      notes: note === undefined ? [] : [note],
      compute: (at) => tf.mean(tf.squaredDifference(at.student(id), at.teacher(taps.teacher.id))),
    };
  };
