/** @file Rules for ops that compute each channel from the same channel of their inputs. */
import { Refusal } from '../../../errors.ts';
import { isNew } from '../channel-map.ts';
import type { Rule } from './rule.ts';

type Passing = 'pool' | 'pad' | 'globalPool' | 'dropout' | 'dropPath' | 'upsample' | 'resize' | 'quantize';

/**
 * f(x)[..., j] = f(x[..., j]) for one f that no channel number enters: map_out = map_in. Copies stay equal, but for dropout,
 * which draws for each of them anew: there the mean over draws is what it was.
 */
export const passing: Rule<Passing> = {
  replica: ({ op, ins, x }) => ({ op, ins, map: x.map }),
  refusesNew: () => undefined,
};

/**
 * act: map_out = map_in. A softmax weighs channels against each other, exp(x_j) / sum_k exp(x_k), so that one more copy would
 * change all of them: its channels are frozen (see `channels`), and it cannot take new ones.
 */
export const act: Rule<'act'> = {
  replica: ({ op, ins, x }) => ({ op, ins, map: x.map }),
  refusesNew: ({ fn }) => (fn === 'softmax' ? 'softmax' : undefined),
};

/**
 * add, mul: (x + y)'[j] = x'[j] + y'[j] is the old sum's channel map[j] only when both operands have one map. Their channels
 * are one decision (see `channels`), so that they differ in order at most: all are put in the order of the first.
 */
export const meeting: Rule<'add' | 'mul'> = {
  replica: ({ id, op, ins, x, inOrder }) => {
    const [first = 0, ...others] = ins.map((y) => y.map.filter(isNew).length);
    if (others.some((n) => n !== first))
      throw new Refusal(`${id}: one of its operands would have channels that the others do not have`);
    return { op, ins: ins.map((y) => inOrder(y, x.map)), map: x.map };
  },
  refusesNew: () => undefined,
};
