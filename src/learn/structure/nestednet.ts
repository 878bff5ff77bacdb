/**
 * @file Training nested nets together. Kim, Ahn and Oh 2018, arXiv:1712.03781, equation 5:
 *
 *   min over W of  sum over levels l of  J(W * M_l),
 *
 * each level's loss on the same batch, its gradient only to its own weights. The whole net's loss stands beside it, as
 * any other. The running statistics of norms are the whole net's: a level that is cut out gets its own by
 * `reestimateNorms`.
 */

import * as tf from '@tensorflow/tfjs-core';
import { get } from '../../access.ts';
import type { Level } from '../../edit/index.ts';
import { classEnd } from '../../read/index.ts';
import { forward } from '../../read/tfjs/index.ts';
import { entries, type WeightKey } from '../../weights/index.ts';
import { crossEntropyOf } from '../loss/cross-entropy.ts';
import type { LossMaker } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { rank2 } from '../tensors.ts';

export interface NestedOptions {
  /** The weight of the sum of the levels' losses; 1 by default. */
  readonly weight?: number | Schedule;
}

/** The cross-entropies of the levels but the whole net's, added up. Nets that drop anything are not for it: levels would draw alike. */
export const nestedNet =
  (levels: readonly Level[], { weight = 1 }: NestedOptions = {}): LossMaker =>
  ({ student }) => {
    const { logits, classes } = classEnd(student);
    const all = entries(student);
    const still = {
      ...student,
      nodes: student.nodes.map(({ op, ...n }) => ({
        ...n,
        op: op.kind === 'dropout' || op.kind === 'dropPath' ? { ...op, rate: 0 } : op,
      })),
    };
    const own = levels.filter((l) => l.ratio > 0);
    return {
      name: 'nested',
      weight,
      constants: { masks: own.map(({ masks }) => Object.fromEntries(masks)) },
      student: [logits],
      targets: ['labels'],
      softLabels: true,
      compute: ({ x, labelShares, weight: value }) => {
        const terms = own.map(({ masks }) => {
          const seen: Record<WeightKey, tf.Tensor> = {};
          for (const { key, shape } of all) {
            const mask = masks.get(key);
            seen[key] = mask ? tf.mul(value(key), tf.tensor(mask, [...shape])) : value(key);
          }
          const { values } = forward(still, seen, x, { training: true, values: [logits] });
          return crossEntropyOf(rank2(get(values, logits)), labelShares(classes), classes);
        });
        return terms.length > 1 ? tf.addN<tf.Scalar>(terms) : (terms[0] ?? tf.scalar(0));
      },
    };
  };
