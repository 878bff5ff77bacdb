/**
 * @file Hints. Romero et al. 2015, "FitNets: Hints for Thin Deep Nets", arXiv:1412.6550, equations 3 and 4 [148].
 *
 *   L = 1/2 |u - r(v)|^2,  u the teacher's hint layer, v the student's guided layer, r a regressor
 *
 * By default the layers stand in the middle of their nets. Where shapes differ the regressor is a conv without padding,
 * k = N_student - N_teacher + 1, with the hint's own activation behind it; the teacher's map must not be the larger one.
 * Two stages: this loss alone trains the student up to the guided layer and the regressor; then soft targets with labels
 * train all of it (temperature 3, lambda from 4 to 1, and no factor T^2: weights 4/9 to 1/9 of ours).
 * Deviation: the square is divided by the number of values, so that one weight serves maps of all sizes; the paper's sum
 * is `weight` = h w c.
 */

import * as tf from '@tensorflow/tfjs-core';
import { item } from '../../access.ts';
import { type LossMaker, teacherOf } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { checkPairs, stagePairs, type TapPair, tapPair } from '../loss/taps.ts';
import { described } from '../own-function.ts';
import { adapter } from './adapters.ts';

export interface HintsOptions {
  /** The weight of this loss; 1 by default. */
  readonly weight?: number | Schedule;
  /** Guided and hint layers; by default the middle one of the stages or strides that both nets have. */
  readonly pairs?: readonly (readonly [student: string, teacher: string])[];
  /** False: refuse a pair whose shapes differ, instead of putting a regressor between. */
  readonly adapt?: boolean;
}

/**
 * FitNets' hints: half the mean squared difference of a layer of the student and one of the teacher (Romero et al. 2015,
 * arXiv:1412.6550). Where shapes differ, a conv beside the student is trained along and removed when the run ends.
 * @throws MoonletError when there is no teacher, a path is unknown, or no regressor can be made.
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
 * const { net, whole } = await distill(tiny(8), data.train, data, {
 *   ...{ teacher: tiny(16), steps: 3, batch: 8 },
 *   losses: [losses.crossEntropy(), losses.hints({ pairs: [['stage1', 'stage1']] })],
 * });
 * // `whole` has the regressor that was trained beside the student
 * whole.graph.nodes.length > net.graph.nodes.length; // true
 */
export const hints =
  ({ weight = 1, pairs, adapt = true }: HintsOptions = {}): LossMaker =>
  (nets) => {
    if (pairs) checkPairs('hints', 'pairs', pairs);
    const teacher = teacherOf(nets, 'hints');
    const chosen: readonly TapPair[] = pairs
      ? pairs.map((pair) => tapPair(nets.student, teacher, pair))
      : middle(stagePairs(nets.student, teacher, 'hints'));
    const regressors = chosen.map((pair, index) =>
      adapter(pair, { loss: 'hints', index, adapt, shrink: 'conv', like: teacher }),
    );
    return {
      name: 'hints',
      weight,
      constants: {},
      student: regressors.map((r) => r.id),
      teacher: chosen.map((pair) => pair.teacher.id),
      beside: regressors.flatMap((r) => r.nodes),
      notes: regressors.flatMap((r) => r.note ?? []),
      compute: described(
        (at) =>
          tf.addN<tf.Scalar>(
            chosen.map((pair, i) => hintOf(at.student(item(regressors, i).id), at.teacher(pair.teacher.id))),
          ),
        ...['hints', regressors.map((r) => r.id), chosen.map((pair) => pair.teacher.id)],
      ),
    };
  };

const middle = <T>(all: readonly T[]): readonly T[] =>
  all.slice((all.length - 1) >> 1, ((all.length - 1) >> 1) + 1);

/** One pair's value: half of the mean square. */
export const hintOf = (student: tf.Tensor, teacher: tf.Tensor): tf.Scalar =>
  tf.div(tf.mean(tf.squaredDifference(student, teacher)), 2);
