/**
 * @file Several teachers with weights. You, Xu, Xu and Tao, KDD 2017, "Learning from Multiple Teacher Networks", and Zhang,
 * Chen and Wang, ICASSP 2022, arXiv:2201.00007 (CA-MKD).
 *
 *   L = T^2 KL(p || softmax(z / T)),  p = sum_k w_k softmax(v_k / T) with logits v_k of teacher k
 *
 * averaged over the batch. w_k are the given weights divided by their sum, equal ones by default. With `mean: 'logits'` the softmax is
 * taken of the weighted mean of the logits instead, which is a geometric mean of the probabilities.
 *
 * With `confidence` an example listens most to the teachers that are right about it (CA-MKD): w_k is multiplied by
 *   1 - exp(CE_k) / sum_j exp(CE_j),  CE_k the cross-entropy of teacher k with the label
 * and divided by the sum over the teachers.
 */

import * as tf from '@tensorflow/tfjs-core';
import { item } from '../../access.ts';
import { checkValue, oneOf } from '../../edit/options.ts';
import { MoonletError, suggestion } from '../../errors.ts';
import type { LossMaker, Nets } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { aboveZero, settingsOf } from '../loss/settings.ts';
import { checkNumber } from '../options.ts';
import { rank2 } from '../tensors.ts';
import { logitPair } from './logit-pair.ts';

export interface MultiTeacherOptions {
  /** The weight of this loss; 0.9 by default. */
  readonly weight?: number | Schedule;
  /** The teachers by their names in `teachers` of the run, with their weights; all of them, with equal weights, by default. */
  readonly teachers?: Readonly<Record<string, number>>;
  /** The temperature; 4 by default. */
  readonly temperature?: number | Schedule;
  /** What is averaged: `probabilities`, the default, or `logits`. */
  readonly mean?: 'probabilities' | 'logits';
  /** Whether weights follow the cross-entropy of each teacher with an example's label; false by default. */
  readonly confidence?: boolean;
}

/**
 * Soft targets of several teachers with weights (You et al. 2017; Zhang et al. 2022, arXiv:2201.00007). For a single
 * teacher with any other loss see `taughtBy`.
 * @throws MoonletError when the run has no such teachers, or their classes differ from the student's; UsageError for weights that are
 * not above 0, or a temperature that is not above 0.
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
 *   ...{ teacher: tiny(16), teachers: { wide: tiny(16), narrow: tiny(12) }, steps: 3, batch: 8 },
 *   losses: [losses.crossEntropy({ weight: 0.1 }), losses.multiTeacher({ teachers: { wide: 2, narrow: 1 } })],
 * });
 * finished; // true
 */
export const multiTeacher =
  (o: MultiTeacherOptions = {}): LossMaker =>
  (nets) => {
    const { weight = 0.9, temperature = 4, mean = 'probabilities', confidence = false } = o;
    checkValue('multi-teacher', 'mean', mean, oneOf('probabilities', 'logits'));
    const settings = settingsOf({ temperature: [temperature, aboveZero] });
    const chosen = chosenFrom(nets, o.teachers);
    const pairs = chosen.map(({ name, graph }) => {
      const { student, teacher } = logitPair(nets.student, graph, `multi-teacher, ${name}`);
      return { student, teacher: `${name}:${teacher}` };
    });
    const total = chosen.reduce((sum, { share }) => sum + share, 0);
    const shares = chosen.map(({ share }) => share / total);
    const { student } = item(pairs, 0);
    return {
      name: 'multi-teacher',
      weight,
      constants: { mean, confidence, shares },
      ...settings,
      student: [student],
      teacher: pairs.map((pair) => pair.teacher),
      ...(confidence ? { targets: ['labels'] } : {}),
      compute: (at) => {
        const taught = pairs.map((pair) => rank2(at.teacher(pair.teacher)));
        const weights = confidence
          ? confidencesOf(taught, at.labels, shares)
          : shares.map((s) => tf.scalar(s));
        const t = at.setting('temperature');
        return divergenceOf(rank2(at.student(student)), meanOf(taught, weights, { temperature: t, mean }), t);
      },
    };
  };

/** The teachers that are named, or all, with their weights. */
function chosenFrom({ teachers = {} }: Nets, named: MultiTeacherOptions['teachers']) {
  const known = Object.keys(teachers);
  const names = named ? Object.keys(named) : known;
  if (!names.length) throw new MoonletError('multi-teacher: needs teachers by name; pass them as "teachers"');
  return names.map((name) => {
    const net = Object.hasOwn(teachers, name) ? teachers[name] : undefined;
    if (!net)
      throw new MoonletError(
        `multi-teacher: no teacher "${name}".${suggestion(name, known)} Given: ${known.join(', ') || 'none'}`,
      );
    const share = named?.[name] ?? 1;
    checkNumber(`the weight of the teacher "${name}"`, share, { above: 0 });
    return { name, share, graph: net.graph };
  });
}

/** The mean of the teachers' probabilities, [batch, classes]: of logits [batch, classes] with weights [] or [batch, 1]. */
export function meanOf(
  logits: readonly tf.Tensor2D[],
  weights: readonly tf.Tensor[],
  { temperature, mean }: { readonly temperature: tf.Scalar; readonly mean: 'probabilities' | 'logits' },
): tf.Tensor2D {
  const soft = (v: tf.Tensor): tf.Tensor => tf.softmax(tf.div(v, temperature));
  const weighted = (of: (v: tf.Tensor2D) => tf.Tensor): tf.Tensor2D =>
    rank2(tf.addN(logits.map((v, k) => tf.mul(of(v), item(weights, k)))));
  return mean === 'probabilities' ? weighted(soft) : rank2(soft(weighted((v) => v)));
}

/** T^2 KL(p || softmax(z / T)), averaged over the batch: student's logits z and probabilities p, [batch, classes]. */
export function divergenceOf(student: tf.Tensor2D, target: tf.Tensor2D, temperature: tf.Scalar): tf.Scalar {
  const logQ = tf.logSoftmax(tf.div<tf.Tensor2D>(student, temperature));
  // p log p is 0 where p is 0
  const logP = tf.log(tf.maximum(target, 1e-37));
  const divergence = tf.mean(tf.sum(tf.mul(target, tf.sub(logP, logQ)), 1));
  return tf.mul(divergence, tf.square(temperature));
}

/** The weights of the teachers by example, each [batch, 1]; they sum to 1. Logits are [batch, classes], labels [batch]. */
export function confidencesOf(
  logits: readonly tf.Tensor2D[],
  labels: tf.Tensor1D,
  shares: readonly number[],
): readonly tf.Tensor2D[] {
  const [batch, classes] = item(logits, 0).shape;
  const hit = tf.oneHot(tf.cast(labels, 'int32'), classes);
  const losses = logits.map((v) => tf.neg(tf.sum(tf.mul(tf.logSoftmax(v), hit), 1, true)));
  const trust = tf.sub(1, tf.softmax(rank2(tf.concat(losses, 1))));
  // one teacher alone has trust 0; it is heard all the same
  const own = tf.mul(shares.length > 1 ? trust : tf.ones([batch, 1]), tf.tensor2d([[...shares]]));
  const weights = tf.div(own, tf.sum(own, 1, true));
  return logits.map((_, k) => tf.slice2d(rank2(weights), [0, k], [batch, 1]));
}
