/**
 * @file What a detector learns from labels: L_RPN + L_RCN, each a loss of classes and one of boxes (Ren et al. 2015,
 * arXiv:1506.01497, equation 1; R-FCN's crops by voting).
 */

import * as tf from '@tensorflow/tfjs-core';
import { last } from '../../../access.ts';
import type { LossMaker, Signals } from '../../loss/loss.ts';
import type { Schedule } from '../../loss/schedule.ts';
import { rank2, rank4 } from '../../tensors.ts';
import { vote } from './crops.ts';
import { type DetectorLayout, detectorLayout } from './layout.ts';

export interface DetectorLossOptions {
  readonly classes: number;
  readonly weight?: number | Schedule;
}
/** The names of the targets that losses of detectors read. */
export const detectionTargets = [
  ...['objectness', 'anchorWeight', 'anchorOffsets', 'anchorOffsetsWeight'],
  ...['rows', 'columns', 'classes', 'offsets'],
] as const;

/** What a detector says of a batch's anchors and proposals, side by side with what it should have said. */
export interface DetectorWords {
  /** Logits that something is there, [batch, anchors]. */
  readonly objectness: tf.Tensor2D;
  /** [batch, anchors, 4] */
  readonly anchorOffsets: tf.Tensor3D;
  /** Logits of ground and classes, [batch, proposals, classes + 1]. */
  readonly classes: tf.Tensor3D;
  /** [batch, proposals, 4] */
  readonly offsets: tf.Tensor3D;
}
/** A net's outputs, cropped to the proposals. `value` gives the value of a node. */
export function words(
  { anchors, objectness, anchorOffsets, parts, partOffsets }: DetectorLayout,
  value: (id: string) => tf.Tensor,
  at: Pick<Signals, 'target'>,
): DetectorWords {
  const [rows, columns] = [rank4(at.target('rows')), rank4(at.target('columns'))];
  const n = anchors.length;
  return {
    objectness: tf.reshape(value(objectness), [-1, n]),
    anchorOffsets: tf.reshape(value(anchorOffsets), [-1, n, 4]),
    classes: vote(rank4(value(parts)), rows, columns),
    offsets: vote(rank4(value(partOffsets)), rows, columns),
  };
}

/** Labels alone: the four losses with equal weights. */
export const detectorLoss =
  ({ classes, weight = 1 }: DetectorLossOptions): LossMaker =>
  ({ student }) => {
    const layout = detectorLayout(student, classes);
    return {
      name: 'detector',
      weight,
      constants: { classes },
      student: student.outputs,
      targets: detectionTargets,
      compute: (at) => {
        const said = words(layout, at.student, at);
        return tf.addN([
          objectnessLoss(said.objectness, at),
          anchorOffsetsLoss(said.anchorOffsets, at),
          classLoss(said.classes, at),
          offsetsLoss(said.offsets, at),
        ]);
      },
    };
  };

/** Cross-entropy of the sampled anchors, averaged over them and the batch. */
export function objectnessLoss(logits: tf.Tensor2D, at: Pick<Signals, 'target'>): tf.Scalar {
  const batch = logits.shape[0];
  const each = binaryCrossEntropy(logits, rank2(at.target('objectness')));
  return tf.div(tf.sum(tf.mul(each, at.target('anchorWeight'))), batch);
}
/** -y log p - (1 - y) log (1 - p), p = sigmoid(z), as max(z, 0) - z y + log(1 + exp(-|z|)). */
export const binaryCrossEntropy = (logits: tf.Tensor, labels: tf.Tensor): tf.Tensor =>
  tf.add(tf.sub(tf.relu(logits), tf.mul(logits, labels)), tf.log1p(tf.exp(tf.neg(tf.abs(logits)))));

/** Smooth L1 of the offsets of the anchors on objects, averaged over these and the batch. */
export function anchorOffsetsLoss(offsets: tf.Tensor3D, at: Pick<Signals, 'target'>): tf.Scalar {
  const each = tf.sum(smoothL1(tf.sub(offsets, at.target('anchorOffsets'))), 2);
  return tf.div(tf.sum(tf.mul(each, at.target('anchorOffsetsWeight'))), offsets.shape[0]);
}

/** Cross-entropy of the proposals' classes, averaged over them and the batch. */
export function classLoss(logits: tf.Tensor3D, at: Pick<Signals, 'target'>): tf.Scalar {
  const hard = tf.oneHot(rank2(at.target('classes')), logits.shape[2]);
  const log = logSoftmax(logits);
  return tf.neg(tf.mean<tf.Scalar>(tf.sum(tf.mul(tf.cast(hard, 'float32'), log), 2)));
}
/** Over the last axis, of any rank: tf's own gradient knows two. */
export function logSoftmax<T extends tf.Tensor>(logits: T): T {
  const classes = last(logits.shape);
  return tf.reshape(tf.logSoftmax(tf.reshape(logits, [-1, classes])), logits.shape) as T;
}

/** Of the proposals on objects; the mean over all of them, so that ground weighs as in the classes' loss. */
export const offsetsLoss = (offsets: tf.Tensor3D, at: Pick<Signals, 'target'>): tf.Scalar =>
  tf.mean(tf.mul(tf.sum(smoothL1(tf.sub(offsets, at.target('offsets'))), 2), onObjects(at)));
/** 1 for proposals on objects, 0 for ground, [batch, proposals]. */
export const onObjects = (at: Pick<Signals, 'target'>): tf.Tensor =>
  tf.cast(tf.greater(at.target('classes'), 0), 'float32');

/** x^2 / 2 below 1, |x| - 1/2 above (Girshick 2015, arXiv:1504.08083, equation 3). */
export function smoothL1(x: tf.Tensor): tf.Tensor {
  const size = tf.abs(x);
  const small = tf.minimum(size, 1); // s^2 / 2 + (|x| - s) with s = min(|x|, 1)
  return tf.add(tf.div(tf.square(small), 2), tf.sub(size, small));
}
