/**
 * @file Proposal mimic. Li, Jin, Yan, CVPR 2017, "Mimicking Very Efficient Network for Object Detection", equations 1
 * to 3 [159].
 *
 *   L = lambda L_m + L_gt,   L_m = 1 / (2 N) sum over the N proposals of |u_i - r(v_i)|^2 / m_i
 *
 * u_i and v_i are what the teacher's and the student's feature maps hold inside proposal i, cropped to one grid, m_i how
 * many values that is, and r a 1x1 conv. Only what lies in proposals counts: a map is mostly ground. (Their student of half the
 * image's size has a deconvolution in r; ours sees the same image.)
 *
 * Deviation: proposals are those that the task draws for the step (around objects, near misses, ground), not the student's
 * own at that moment; both nets are cropped by them alike. `detectorLoss` is L_gt.
 */

import * as tf from '@tensorflow/tfjs-core';
import { last } from '../../access.ts';
import { MoonletError } from '../../errors.ts';
import { channelsOf, type Node, printShape } from '../../graph/index.ts';
import { type LossMaker, teacherOf } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { sameSize, checkPair, stagePairs, type TapPair, tapPair } from '../loss/taps.ts';
import { crops } from '../task/detect/crops.ts';
import { rank4 } from '../tensors.ts';

export interface MimicOptions {
  /** lambda; 1 by default. */
  readonly weight?: number | Schedule;
  /** Layers of student and teacher whose features are compared; by default the last stage that both name. */
  readonly pair?: readonly [student: string, teacher: string];
}

/**
 * Proposal mimic: half the squared difference of student's and teacher's features inside the proposals, per value (Li et al. 2017,
 * equations 1 to 3).
 * @throws MoonletError when there is no teacher, a path is unknown, or maps differ in size.
 */
export const mimic =
  ({ weight = 1, pair }: MimicOptions = {}): LossMaker =>
  (nets) => {
    if (pair) checkPair('mimic', 'pair', pair);
    const teacher = teacherOf(nets, 'mimic');
    const taps: TapPair = pair
      ? tapPair(nets.student, teacher, pair)
      : last(stagePairs(nets.student, teacher, 'mimic', 'pair'));
    const { node, note } = transform(taps);
    return {
      name: 'mimic',
      weight,
      constants: {},
      student: [node.id],
      teacher: [taps.teacher.id],
      targets: ['rows', 'columns'],
      beside: [node],
      notes: [note],
      compute: (at) =>
        mimicOf(
          rank4(at.student(node.id)),
          rank4(at.teacher(taps.teacher.id)),
          rank4(at.target('rows')),
          rank4(at.target('columns')),
        ),
    };
  };

/** The value: maps [batch, cells, cells, c] of both, and the crops' weights [batch, proposals, bins, cells]. */
export function mimicOf(
  student: tf.Tensor4D,
  teacher: tf.Tensor4D,
  rows: tf.Tensor4D,
  columns: tf.Tensor4D,
): tf.Scalar {
  // crops are linear, so that the difference may be cropped: 1 / (2 N m) sum = half of the mean
  return tf.div(tf.mean(tf.square(crops(tf.sub(student, teacher), rows, columns))), 2);
}

/** r: always a 1x1 conv, also where the channels agree. */
function transform({ student, teacher }: TapPair): { node: Node; note: string } {
  const [from, to] = [student.shape, teacher.shape];
  const where = `${student.id} ${printShape(from)} -> ${teacher.id} ${printShape(to)}`;
  if (!sameSize({ student, teacher }))
    throw new MoonletError(
      `mimic: ${where}: both must be maps of one height and width, since one proposal crops them; choose other places`,
    );
  const out = channelsOf(to);
  const one = [1, 1] as const;
  const op = { kind: 'conv', out, kernel: one, stride: one, dilation: one, groups: 1, bias: true } as const;
  return {
    node: { id: 'adapter/mimic/conv', op: { ...op, padding: 'valid' }, inputs: [student.id] },
    note: `mimic: ${where} by conv 1x1 (${(channelsOf(from) + 1) * out} parameters, gone after training)`,
  };
}
