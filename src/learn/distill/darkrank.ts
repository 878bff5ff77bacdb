/**
 * @file DarkRank. Chen, Wang and Zhang, AAAI 2018, arXiv:1707.01220, equations 3 to 6 [155]: what the teacher finds similar
 * to what, as an order of candidates, for embeddings.
 *
 *   S(x) = -alpha |q - x|^beta             of a candidate x for a query q, embeddings scaled to length one
 *   P(pi) = prod_i exp S_pi(i) / sum_{k >= i} exp S_pi(k)   of an order pi (Plackett and Luce)
 *   soft: L = sum over all orders of P_teacher (log P_teacher - log P_student)
 *   hard: L = -log P_student(the teacher's order)
 *
 * alpha = 3, beta = 3 and lists of four, as in the paper. The batch is cut into groups of one query and its candidates;
 * the mean over the groups is taken. The authors' code drops the entropy of the teacher from the soft form, which changes
 * no gradient.
 */

import * as tf from '@tensorflow/tfjs-core';
import { checkValue, oneOf } from '../../edit/options.ts';
import { MoonletError } from '../../errors.ts';
import { type LossMaker, teacherOf } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { checkNumber } from '../options.ts';
import { rank2, rank3 } from '../tensors.ts';
import { embeddingPair } from './embeddings.ts';

export interface DarkRankOptions {
  /** The weight of this loss; 1 by default. */
  readonly weight?: number | Schedule;
  /** `soft`, the default: the distribution over all orders; `hard`: the likelihood of the teacher's order. */
  readonly form?: 'soft' | 'hard';
  readonly alpha?: number;
  readonly beta?: number;
  /** Candidates in a list, 2 to 6; all their orders are looked at in the soft form. */
  readonly list?: number;
  /** The nodes of the embeddings; by default the inputs of the last dense layers. Their lengths may differ. */
  readonly embeddings?: readonly [student: string, teacher: string];
}

/**
 * DarkRank: how the student ranks the examples of a batch by similarity, compared with the teacher's ranking (Chen et al. 2018,
 * arXiv:1707.01220, equations 3 to 6).
 * @throws MoonletError when there is no teacher, or an embedding is no vector.
 */
export const darkRank =
  (o: DarkRankOptions = {}): LossMaker =>
  (nets) => {
    const { weight = 1, form = 'soft', alpha = 3, beta = 3, list = 4, embeddings } = o;
    checkValue('darkrank', 'form', form, oneOf('soft', 'hard'));
    const teacher = teacherOf(nets, 'darkrank');
    if (!Number.isInteger(list) || list < 2 || list > 6)
      throw new MoonletError(`darkrank: lists are of 2 to 6 candidates, got ${list}`);
    for (const [name, value] of Object.entries({ alpha, beta })) checkNumber(name, value, { above: 0 });
    const pair = embeddingPair(nets.student, teacher, 'darkrank', embeddings);
    const [s, t] = [pair.student.id, pair.teacher.id];
    return {
      name: 'darkrank',
      weight,
      student: [s],
      teacher: [t],
      leastBatch: list + 1,
      constants: { form, alpha, beta, list },
      compute: (at) => {
        const score = (x: tf.Tensor): tf.Tensor2D => scoresOf(rank2(x), { alpha, beta, list });
        const [mine, theirs] = [score(at.student(s)), score(at.teacher(t))];
        return form === 'soft' ? softRankOf(mine, theirs) : hardRankOf(mine, theirs);
      },
    };
  };

/**
 * The scores of each group's candidates, [groups, list]. A group is list + 1 neighbours in the batch, the first its query;
 * what does not fill a group is left out.
 */
export function scoresOf(
  x: tf.Tensor2D,
  { alpha, beta, list }: { readonly alpha: number; readonly beta: number; readonly list: number },
): tf.Tensor2D {
  const [batch, d] = x.shape;
  const groups = Math.floor(batch / (list + 1));
  if (!groups)
    throw new MoonletError(`darkrank: a batch of ${batch} has no list of ${list} candidates and their query`);
  const unit = tf.mul(x, tf.rsqrt(tf.maximum(tf.sum(tf.square(x), 1, true), 1e-12)));
  const grouped = tf.reshape(tf.slice(unit, [0, 0], [groups * (list + 1), d]), [groups, list + 1, d]);
  const query = tf.slice(grouped, [0, 0, 0], [groups, 1, d]);
  const candidates = tf.slice(grouped, [0, 1, 0], [groups, list, d]);
  // |q - x|^beta from the square, held off zero, where the root has no gradient
  const squares = tf.maximum(tf.sum(tf.square(tf.sub(candidates, query)), 2), 1e-12);
  return tf.mul<tf.Tensor2D>(tf.exp(tf.mul(tf.log(squares), beta / 2)), -alpha);
}

/** Orders of 0 .. n - 1, n! of them. */
export const orders = (n: number): readonly (readonly number[])[] =>
  n === 0
    ? [[]]
    : orders(n - 1).flatMap((rest) => rest.concat(n - 1).map((_, i) => rest.toSpliced(i, 0, n - 1)));

/** log P of each order, [groups, orders], of scores that lie in that order, [groups, orders, list]. */
function logLikelihood(ordered: tf.Tensor3D): tf.Tensor2D {
  const [groups, count, list] = ordered.shape;
  const from = (i: number, n: number): tf.Tensor3D => tf.slice(ordered, [0, 0, i], [groups, count, n]);
  const terms = Array.from({ length: list - 1 }, (_, i) =>
    tf.sub(tf.squeeze(from(i, 1), [2]), tf.logSumExp(from(i, list - i), 2)),
  );
  return rank2(tf.addN(terms)); // the last place has but one candidate: log 1
}

/** log P of every order of the candidates, [groups, list!]: scores are [groups, list]. */
export function logOrders(scores: tf.Tensor2D): tf.Tensor2D {
  const [groups, list] = scores.shape;
  const all = orders(list);
  const picks = tf.tensor2d(
    all.flatMap((order) =>
      order.flatMap((from) => Array.from({ length: list }, (_, i) => (i === from ? 1 : 0))),
    ),
    [all.length * list, list],
  );
  const placed = tf.matMul(scores, picks, false, true);
  return logLikelihood(tf.reshape(placed, [groups, all.length, list]));
}

/** Kullback and Leibler's divergence between the orders' distributions, mean over the groups. */
export function softRankOf(student: tf.Tensor2D, teacher: tf.Tensor2D): tf.Scalar {
  const [logQ, logP] = [logOrders(student), logOrders(teacher)];
  return tf.mean(tf.sum(tf.mul(tf.exp(logP), tf.sub(logP, logQ)), 1));
}

/** -log P of the teacher's order, best first, mean over the groups. */
export function hardRankOf(student: tf.Tensor2D, teacher: tf.Tensor2D): tf.Scalar {
  const [groups, list] = student.shape;
  const order = tf.topk(teacher, list).indices; // [groups, place]
  const picks = tf.cast(tf.oneHot(tf.cast(order, 'int32'), list), 'float32'); // [groups, place, candidate]
  const ordered = tf.matMul(rank3(picks), tf.reshape(student, [groups, list, 1]));
  return tf.neg(tf.mean<tf.Scalar>(logLikelihood(tf.reshape(ordered, [groups, 1, list]))));
}
