/**
 * @file Flow of the solution procedure. Yim, Joo, Bae and Kim, CVPR 2017, "A Gift from Knowledge Distillation",
 * equations 1 and 2 [154].
 *
 *   G_ij = sum over the places (s, t) of F1_{s,t,i} F2_{s,t,j} / (h w),  F1 and F2 two maps of one net
 *   L = mean over the batch of sum over the pairs of lambda |G_teacher - G_student|^2,  lambda = 1 for all
 *
 * A max pool brings the larger of F1 and F2 to the other's size. The pairs are what enters and what leaves each stage
 * (`stem` to `stage1`, `stage1` to `stage2`, ...). Channels must agree in both nets; where they do not, a 1x1 conv is
 * trained beside the student. Two stages: this loss alone, then the task's loss alone.
 */

import * as tf from '@tensorflow/tfjs-core';
import { item } from '../../access.ts';
import { MoonletError } from '../../errors.ts';
import { type Graph, isMap, printShape } from '../../graph/index.ts';
import { maxPool } from '../../kernels/index.ts';
import { type LossMaker, teacherOf } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { checkPairs, stagePairs, type TapPair, tap, tapPair } from '../loss/taps.ts';
import { rank4, scalarOf } from '../tensors.ts';
import { adapter } from './adapters.ts';

export interface FspOptions {
  /** lambda; 1 by default. */
  readonly weight?: number | Schedule;
  /** Places along both nets, in order: a matrix is taken between each and the next. */
  readonly points?: readonly (readonly [student: string, teacher: string])[];
  /** False: refuse channels that differ, instead of putting a 1x1 conv between. */
  readonly adapt?: boolean;
}

/**
 * The flow of the solution procedure: squared differences of the Gram matrices of maps at both ends of each stage (Yim et al.
 * 2017, equations 1 and 2).
 * @throws MoonletError when there is no teacher, a path is unknown, or maps cannot be brought to one size.
 */
export const fsp =
  ({ weight = 1, points, adapt = true }: FspOptions = {}): LossMaker =>
  (nets) => {
    if (points) checkPairs('fsp', 'points', points);
    const teacher = teacherOf(nets, 'fsp');
    const chosen: readonly TapPair[] = points
      ? points.map((point) => tapPair(nets.student, teacher, point))
      : [...entry(nets.student, teacher), ...stagePairs(nets.student, teacher, 'fsp', 'points')];
    if (chosen.length < 2)
      throw new MoonletError('fsp: a matrix needs two places, and there is one; name more by "points"');
    const mine = chosen.map((pair, index) => adapter(pair, { loss: 'fsp', index, adapt, anySize: true }));
    for (let i = 1; i < chosen.length; i++) {
      for (const side of ['student', 'teacher'] as const) checkSizes(chosen, i, side);
    }
    return {
      name: 'fsp',
      weight,
      constants: {},
      student: mine.map((a) => a.id),
      teacher: chosen.map((pair) => pair.teacher.id),
      beside: mine.flatMap((a) => a.nodes),
      notes: mine.flatMap((a) => a.note ?? []),
      compute: (at) => {
        const s = mine.map((a) => rank4(at.student(a.id)));
        const t = chosen.map((pair) => rank4(at.teacher(pair.teacher.id)));
        const each = s.slice(1).map((_, i) => {
          const flow = (maps: readonly tf.Tensor4D[]): tf.Tensor => flowOf(item(maps, i), item(maps, i + 1));
          const [ofStudent, ofTeacher] = [flow(s), flow(t)];
          const square = tf.sum(tf.squaredDifference(ofStudent, ofTeacher), [1, 2]);
          return tf.mean(square);
        });
        return scalarOf(tf.addN(each));
      },
    };
  };

/** The stems of both, where they are named and are maps. */
function entry(student: Graph, teacher: Graph): readonly TapPair[] {
  const has = (g: Graph): boolean => g.nodes.some((n) => n.id.split('/')[0] === 'stem');
  if (!has(student) || !has(teacher)) return [];
  const pair = { student: tap(student, 'stem'), teacher: tap(teacher, 'stem') };
  return isMap(pair.student.shape) && isMap(pair.teacher.shape) ? [pair] : [];
}

function checkSizes(chosen: readonly TapPair[], i: number, side: 'student' | 'teacher'): void {
  const [a, b] = [item(chosen, i - 1)[side], item(chosen, i)[side]];
  if (!isMap(a.shape) || !isMap(b.shape) || ratioOf(a.shape, b.shape) === undefined) {
    throw new MoonletError(
      `fsp: the ${side}'s ${a.id} ${printShape(a.shape)} and ${b.id} ${printShape(b.shape)} do not pool to one size; choose other "points"`,
    );
  }
}

type Size = readonly [h: number, w: number, ...rest: number[]];
/** By how much the larger must be pooled; undefined when that is no whole number, the same in both directions. */
function ratioOf([h1, w1]: Size, [h2, w2]: Size): number | undefined {
  const [a, b] = [h1 / h2, w1 / w2];
  const ratio = Math.max(a, 1 / a);
  return a === b && Number.isInteger(ratio) ? ratio : undefined;
}

const sizeOf = ({ shape: [, h, w] }: tf.Tensor4D): Size => [h, w];

/** The flow matrix of two maps, [batch, h, w, m] and [batch, h', w', n]: [batch, m, n]. */
export function flowOf(one: tf.Tensor4D, two: tf.Tensor4D): tf.Tensor3D {
  const ratio = ratioOf(sizeOf(one), sizeOf(two)) ?? 1;
  const pooled = (x: tf.Tensor4D): tf.Tensor4D => {
    if (ratio === 1) return x;
    const pads = { top: 0, bottom: 0, left: 0, right: 0 };
    return maxPool(x, { size: [ratio, ratio], stride: [ratio, ratio], pads });
  };
  const larger = one.shape[1] > two.shape[1];
  const [a, b] = [larger ? pooled(one) : one, larger ? two : pooled(two)];
  const [batch, h, w, m] = a.shape;
  const rows = (x: tf.Tensor4D, c: number): tf.Tensor3D => tf.reshape(x, [batch, h * w, c]);
  return tf.div<tf.Tensor3D>(tf.matMul(rows(a, m), rows(b, b.shape[3]), true), h * w);
}
