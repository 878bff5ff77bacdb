/** @file The tables of the real searches: the shipped student beside the found ones, and intervals by hand. */
import { expect } from 'chai';
import { growthTable, meanInterval, searchTable, shipped } from '../../scripts/lib/sweep-tables.ts';

describe('the tables of searches', () => {
  it('compare with the best shipped student of that size, else with the smallest', () => {
    expect(shipped('mnist', 10_000)?.id).to.equal('mnist/wrn-16-1-bg4m');
    expect(shipped('mnist', 50_000)?.id).to.equal('mnist/wrn-16-1-bg4m');
    expect(shipped('mnist', 5_000)?.id).to.equal('mnist/densenet-7-k6');
    expect(shipped('mnist', 1)?.params).to.equal(2175);
    const found = { data: 'mnist', limit: 1, sampler: 'tpe', trials: 5, whole: 2, hours: 0.5, student: 's' };
    const more = { params: 1, macs: 2, heldOut: 0.5, steps: 30, test: 0.25, n: 10_000 };
    const text = searchTable([{ ...found, ...more }]);
    expect(text).to.contain('| `mnist`, at most 1 | tpe | 5 (2) | 0.50 | s | 1 | 2 | 50.00 % | 25.00 % |');
    expect(text).to.contain('No shipped student of mnist has so few parameters');
  });

  it('give the interval of a mean by Student, and the differences in points', () => {
    const [mean, half] = meanInterval([0.01, 0.02, 0.03]);
    expect(mean).to.be.closeTo(0.02, 1e-12);
    expect(half).to.be.closeTo(4.303 * Math.sqrt(1e-4 / 3), 1e-9); // sd 0.01
    const row = { seed: 0, trials: 4, grown: 1, hours: [0.1, 0.2], inherited: 0.8, fresh: 0.81 } as const;
    expect(growthTable([row])).to.contain('| 0 | 4 | 1 | 80.00 % | 81.00 % | -1.00 | 0.10, 0.20 |');
    expect(growthTable([row])).not.to.contain('NaN');
  });
});
