/** @file Wilson's interval against published values and its own equation. */
import { expect } from 'chai';
import { interval95 } from '../../src/learn/task/index.ts';

describe('interval95', () => {
  it('gives the published values: 81 of 263, 15 of 148 and 0 of 20 (Newcombe 1998, table I)', () => {
    const of = (k: number, n: number): string[] => interval95(k / n, n).map((x) => x.toFixed(4));
    expect(of(81, 263)).to.deep.equal(['0.2553', '0.3662']);
    expect(of(15, 148)).to.deep.equal(['0.0624', '0.1605']);
    expect(of(0, 20)).to.deep.equal(['0.0000', '0.1611']);
  });

  it('has ends that lie z standard errors of their own from what was measured', () => {
    for (const [k, n] of [
      [9956, 10000],
      [1, 3],
      [499, 500],
    ] as const)
      for (const end of interval95(k / n, n))
        expect(Math.abs(k / n - end)).to.be.closeTo(
          1.959963984540054 * Math.sqrt((end * (1 - end)) / n),
          1e-12,
        );
  });

  it('stays within 0 and 1, and is mirrored by what was wrong', () => {
    expect(interval95(1, 10)[1]).to.be.within(1 - 1e-12, 1);
    expect(interval95(0, 10)[0]).to.be.within(0, 1e-12);
    const [low, high] = interval95(0.9, 40);
    const [lowWrong, highWrong] = interval95(0.1, 40);
    expect([1 - high, 1 - low].map((x) => x.toFixed(12))).to.deep.equal(
      [lowWrong, highWrong].map((x) => x.toFixed(12)),
    );
  });
});
