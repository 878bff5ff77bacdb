/**
 * @file Sobolev training. Czarnecki, Osindero, Jaderberg, Swirszcz and Pascanu, NeurIPS 2017, arXiv:1706.04859, equation 1
 * and section 3 [156]: beside its values, the student follows the derivatives of the teacher, projected on random vectors
 * for cheapness.
 *
 *   L = sum over j of |d<m(x), v_j>/dx - d<f(x), v_j>/dx|^2,  m the student, f the teacher, v_j uniform on the unit sphere
 *
 * of logits, in the input's own units, summed over pixels and averaged over the batch; E_v L = |J_m - J_f|^2 / classes. The
 * values are another loss's affair: `[logits(), sobolev()]`. The student is in training mode: where it has batch norm, an
 * image's derivative counts what it does to the logits of its whole batch.
 *
 * Its step differentiates a gradient. Our convs, norms and pools have gradients of any order (`src/kernels`), depthwise and
 * grouped convs among them; where tf's own activations lack one they get it there (`second-order.ts`). Its resizing has
 * none: a student with `upsample` is refused.
 */

import * as tf from '@tensorflow/tfjs-core';
import { first, get } from '../../access.ts';
import { MoonletError } from '../../errors.ts';
import type { Graph } from '../../graph/index.ts';
import { classesOf, inputShape, printShape } from '../../graph/index.ts';
import { registerSecondOrder } from '../../kernels/index.ts';
import { logitsAt } from '../../read/index.ts';
import { forward, weightTensors } from '../../read/tfjs/index.ts';
import type { LossMaker } from '../loss/loss.ts';
import { teacherOf } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { rank2 } from '../tensors.ts';

export interface SobolevOptions {
  /** The weight of this loss; 1 by default. */
  readonly weight?: number | Schedule;
  /** Random vectors in a step, K; 1 by default. */
  readonly projections?: number;
}

/**
 * Sobolev training: squared differences of the derivatives of student's and teacher's logits by the input, projected on random
 * vectors (Czarnecki et al. 2017, arXiv:1706.04859, equation 1). Use it together with `logits`.
 * @throws MoonletError when there is no teacher, inputs or classes differ, or a net has no second derivative.
 */
export const sobolev =
  ({ weight = 1, projections = 1 }: SobolevOptions = {}): LossMaker =>
  (nets) => {
    const teacher = teacherOf(nets, 'sobolev');
    const { teacherNet } = nets;
    if (!teacherNet)
      throw new MoonletError('sobolev: needs the teacher with its weights; pass it as "teacherNet"');
    if (!Number.isInteger(projections) || projections < 1 || projections > 64)
      throw new MoonletError(`sobolev: 1 to 64 projections, got ${projections}`);
    const [classes, theirs] = [classesOf(nets.student), classesOf(teacher)];
    if (classes !== theirs)
      throw new MoonletError(
        `sobolev: the student has ${classes} classes, the teacher ${theirs}; the numbers must be equal`,
      );
    const [a, b] = [inputShape(nets.student), inputShape(teacher)].map(printShape);
    if (a !== b) throw new MoonletError(`sobolev: the student takes ${a}, the teacher ${b}; they must agree`);
    refuseResizing(nets.student);
    registerSecondOrder();
    const [logits, taught] = [logitsAt(nets.student), logitsAt(teacher)];
    const names = Array.from({ length: projections }, (_, j) => `v${j + 1}`);
    return {
      name: 'sobolev',
      weight,
      constants: {},
      runsTeacher: true,
      student: [logits],
      draws: Object.fromEntries(names.map((name) => [name, [classes]])),
      compute: (at) => {
        const said = (x: tf.Tensor): tf.Tensor =>
          get(forward(teacher, weightTensors(teacherNet.weights), x, { values: [taught] }).values, taught);
        const terms = names.map((name) => {
          const v = unit(rank2(at.draw(name)));
          const mine = slopeOf(at.student(logits), v, at.x);
          const target = tf.grad((x) => tf.sum(tf.mul(said(x), v)))(at.x);
          return slopesOf(mine, target);
        });
        return tf.addN<tf.Scalar>(terms);
      },
    };
  };

function refuseResizing({ name, nodes }: Graph): void {
  const bad = nodes.find((n) => n.op.kind === 'upsample');
  if (bad)
    throw new MoonletError(
      `sobolev: ${name} resizes at ${bad.id}, which has no second derivative; choose another net`,
    );
}

/** Rows of length one: normal numbers become uniform on the sphere. */
export const unit = (v: tf.Tensor2D): tf.Tensor2D =>
  tf.mul(v, tf.rsqrt(tf.maximum(tf.sum(tf.square(v), 1, true), 1e-12)));

/** d<y, v>/dx of a y that is already on the tape. */
export function slopeOf(y: tf.Tensor, v: tf.Tensor, x: tf.Tensor): tf.Tensor {
  const projected = tf.sum(tf.mul(y, v));
  const { grads } = tf.engine().gradients(() => projected, [x]);
  return first(grads);
}

/** The squared distance of two derivatives, [batch, ...], averaged over the batch. */
export const slopesOf = (student: tf.Tensor, teacher: tf.Tensor): tf.Scalar =>
  tf.div(tf.sum(tf.square(tf.sub(student, teacher))), first(student.shape));
