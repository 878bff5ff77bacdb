/**
 * @file Distilling detectors. Chen, Choi, Yu, Han, Chandraker, NIPS 2017, "Learning Efficient Object Detection Models with
 * Knowledge Distillation", equations 1 to 6 [160]. For the proposal step (RPN) and for the crops (RCN) alike:
 *
 *   L_cls = mu L_hard + (1 - mu) L_soft,   L_soft = -sum_c w_c P_t log P_s,   w = 1.5 for ground, 1 for classes, T = 1
 *   L_reg = smoothL1(R_s, y) + nu L_b,     L_b = |R_s - y|^2 where |R_s - y|^2 + m > |R_t - y|^2, else 0
 *
 * A teacher's box may be worse than none, so it is a bound, not a target. Hints, gamma |V - Z|^2, are the loss `hints`
 * beside this one. mu = nu = gamma = 0.5; the margin m is 0 by default.
 *
 * Constants other than the weights of classes are not certain from the paper's text; they are options.
 */
import * as tf from '@tensorflow/tfjs-core';
import { MoonletError } from '../../errors.ts';
import { type LossMaker, type Signals, teacherOf } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { fromZero, settingsOf } from '../loss/settings.ts';
import { detectorLayout } from '../task/detect/layout.ts';
import {
  anchorOffsetsLoss,
  classLoss,
  type DetectorWords,
  detectionTargets,
  logSoftmax,
  objectnessLoss,
  offsetsLoss,
  onObjects,
  words,
} from '../task/detect/loss.ts';

export interface DetectionLossOptions {
  readonly classes: number;
  /** The weight of this loss; 1 by default. */
  readonly weight?: number | Schedule;
  /** mu: the share of the labels in the losses of classes; 0.5 by default. */
  readonly hard?: number | Schedule;
  /** nu: the weight of the bounded losses of boxes; 0.5 by default. */
  readonly bounded?: number | Schedule;
  /** m: a box is left alone when the student's squared error plus m is not above the teacher's; 0 by default. */
  readonly margin?: number | Schedule;
  /** w of the ground class; 1.5 by default. */
  readonly ground?: number;
}

/** L_RPN + L_RCN with a teacher. @throws MoonletError without a teacher, or when student or teacher is not a detector. */
export const detectionDistillation =
  ({
    classes,
    weight = 1,
    hard = 0.5,
    bounded = 0.5,
    margin = 0,
    ground = 1.5,
  }: DetectionLossOptions): LossMaker =>
  (nets) => {
    const settings = settingsOf({
      hard: [hard, { least: 0, most: 1 }],
      bounded: [bounded, fromZero],
      margin: [margin, {}],
    });
    const teacher = teacherOf(nets, 'detection');
    const [mine, theirs] = [detectorLayout(nets.student, classes), detectorLayout(teacher, classes)];
    if (mine.bins !== theirs.bins || mine.cells !== theirs.cells)
      throw new MoonletError(
        `detection: ${nets.student.name} crops ${mine.bins} x ${mine.bins} bins of ${mine.cells} cells, ${teacher.name} ${theirs.bins} x ${theirs.bins} of ${theirs.cells}; they must agree`,
      );
    return {
      name: 'detection',
      weight,
      constants: { classes, ground },
      ...settings,
      student: nets.student.outputs,
      teacher: teacher.outputs,
      targets: detectionTargets,
      compute: (at) => {
        const [s, t] = [words(mine, at.student, at), words(theirs, at.teacher, at)];
        const mu = at.setting('hard');
        const mixed = (hardLoss: tf.Scalar, soft: tf.Scalar): tf.Scalar =>
          tf.add(tf.mul(mu, hardLoss), tf.mul(tf.sub(1, mu), soft));
        const nu = at.setting('bounded');
        return tf.addN([
          mixed(objectnessLoss(s.objectness, at), softObjectness(s, t, at, ground)),
          mixed(classLoss(s.classes, at), softClasses(s.classes, t.classes, ground)),
          anchorOffsetsLoss(s.anchorOffsets, at),
          offsetsLoss(s.offsets, at),
          tf.mul<tf.Scalar>(nu, boundedAnchors(s, t, at)),
          tf.mul<tf.Scalar>(nu, boundedOffsets(s, t, at)),
        ]);
      },
    };
  };

/** -sum_c w_c P_t log P_s with w_0 = `ground`, averaged over proposals and batch; logits [batch, proposals, classes + 1]. */
export function softClasses(student: tf.Tensor3D, teacher: tf.Tensor3D, ground: number): tf.Scalar {
  const weights = tf.tensor1d(Array.from({ length: student.shape[2] }, (_, c) => (c ? 1 : ground)));
  const target = tf.mul(tf.exp(logSoftmax(teacher)), weights);
  return tf.neg(tf.mean<tf.Scalar>(tf.sum(tf.mul(target, logSoftmax(student)), 2)));
}

/** The same of the sampled anchors, whose two classes are one logit: P = sigmoid(z) that something is there. */
function softObjectness(
  { objectness: z }: DetectorWords,
  { objectness: v }: DetectorWords,
  at: Signals,
  ground: number,
): tf.Scalar {
  const there = tf.sigmoid(v);
  const each = tf.add(
    tf.mul(there, tf.softplus(tf.neg(z))), // -log sigmoid(z)
    tf.mul(tf.mul(tf.sub(1, there), ground), tf.softplus(z)),
  );
  return tf.div(tf.sum(tf.mul(each, at.target('anchorWeight'))), z.shape[0]);
}

/**
 * L_b of each box, [...]: the student's squared error where it is not smaller than the teacher's by the margin. All are
 * offsets [..., 4]. The choice sends no gradient: that of a step is zero.
 */
export function boundedOf(
  student: tf.Tensor,
  teacher: tf.Tensor,
  truth: tf.Tensor,
  margin: tf.Scalar,
): tf.Tensor {
  const squares = (x: tf.Tensor): tf.Tensor => tf.sum(tf.squaredDifference(x, truth), -1);
  const error = squares(student);
  const counts = tf.step(tf.sub(tf.add(error, margin), squares(teacher)));
  return tf.mul(error, counts);
}

const boundedAnchors = (s: DetectorWords, t: DetectorWords, at: Signals): tf.Scalar =>
  tf.div(
    tf.sum(
      tf.mul(
        boundedOf(s.anchorOffsets, t.anchorOffsets, at.target('anchorOffsets'), at.setting('margin')),
        at.target('anchorOffsetsWeight'),
      ),
    ),
    s.anchorOffsets.shape[0],
  );
const boundedOffsets = (s: DetectorWords, t: DetectorWords, at: Signals): tf.Scalar =>
  tf.mean(tf.mul(boundedOf(s.offsets, t.offsets, at.target('offsets'), at.setting('margin')), onObjects(at)));
