/**
 * @file Network slimming: an L1 penalty on the scales of batch norms, which drives unimportant channels to zero. Liu
 * et al. 2017, arXiv:1708.06519, equation 1:  sum of losses + lambda * sum over norms of |gamma|.
 */

import * as tf from '@tensorflow/tfjs-core';
import { Refusal } from '../../errors.ts';
import { magnitude } from '../../kernels/index.ts';
import type { LossMaker } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { scalarOf } from '../tensors.ts';

export interface SlimmingOptions {
  /** lambda; 1e-4 by default, as in the paper. */
  readonly weight?: number | Schedule;
}

/** The penalty as a loss beside others; its value is sum |gamma|. @throws Refusal for a net without norm scales. */
export const slimming =
  ({ weight = 1e-4 }: SlimmingOptions = {}): LossMaker =>
  ({ student }) => {
    const norms = student.nodes.filter((n) => n.op.kind === 'norm' && n.op.scale && !n.weightsOf);
    if (!norms.length)
      throw new Refusal(`${student.name}: slimming needs batch norms with a scale, and it has none`);
    return {
      name: 'slimming',
      weight,
      constants: {},
      student: [],
      compute: ({ weight: gamma }) =>
        tf.addN(norms.map((n) => scalarOf(tf.sum(magnitude(gamma(`${n.id}:gamma`)))))),
    };
  };
