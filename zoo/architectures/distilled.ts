/** @file The head of nets that learned from a teacher by a classifier of its own. Touvron et al. 2021, arXiv:2012.12877, section 4. */
import type { Flow } from '../../src/compose/index.ts';

/** Half of the sum of both classifiers: sigmoid(y - y) is a half. */
export const meanOf = (a: Flow<'vec'>, b: Flow<'vec'>): Flow<'vec'> => {
  const sum = a.add(b);
  return sum.mul(sum.add(sum.act('negate')).act('sigmoid'));
};
