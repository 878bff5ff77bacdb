/** @file MUNGE (Bucila, Caruana and Niculescu-Mizil [146]): what it leaves, how much it makes, and where it tends. */
import { expect } from 'chai';
import { UsageError } from '../../../src/errors.ts';
import { munge, nearest } from '../../../src/learn/distill/index.ts';
import { tinySplit } from '../../support/distilling.ts';

describe('MUNGE (Bucila, Caruana and Niculescu-Mizil)', () => {
  const split = tinySplit(12);
  const at = (pixels: Uint8Array, i: number) => pixels.subarray(i * 64, (i + 1) * 64);

  it('finds the nearest neighbour by Euclid', () => {
    const found = nearest(split);
    const distance = (i: number, j: number) =>
      Math.hypot(
        ...at(split.pixels, i)
          .map((v, k) => v - (at(split.pixels, j)[k] as number))
          .values(),
      );
    const plain = (i: number, j: number) =>
      [...at(split.pixels, i)].reduce((s, v, k) => s + (v - (at(split.pixels, j)[k] as number)) ** 2, 0);
    expect(distance(0, 0)).to.equal(0);
    for (let i = 0; i < 12; i++)
      for (let j = 0; j < 12; j++)
        if (j !== i) expect(plain(i, found[i] as number)).to.be.at.most(plain(i, j));
  });
  it('gives k copies of the set where p is 0, and always k |T| examples', () => {
    const made = munge(split, { copies: 3, p: 0 });
    expect(made.count).to.equal(36);
    for (let k = 0; k < 3; k++)
      expect(made.pixels.subarray(k * 768, (k + 1) * 768)).to.deep.equal(split.pixels);
    expect([...made.labels]).to.deep.equal([...split.labels, ...split.labels, ...split.labels]);
  });
  it('with a large s swaps an attribute with the neighbour’s, without noise', () => {
    const two = { count: 2, pixels: Uint8Array.of(10, 200, 30, 40), labels: Uint8Array.of(0, 1) };
    // each is the other's neighbour: both attributes are swapped twice when p is 1
    expect([...munge(two, { copies: 1, p: 1, s: 1e9 }).pixels]).to.deep.equal([10, 200, 30, 40]);
    const made = munge(split, { copies: 2, p: 0.5, s: 1e9, seed: 4 });
    for (let k = 0; k < 64; k++) {
      const values = new Set(Array.from({ length: 12 }, (_, i) => split.pixels[i * 64 + k]));
      for (let i = 0; i < 24; i++) expect(values.has(made.pixels[i * 64 + k])).to.equal(true);
    }
  });
  it('depends on the seed alone, and refuses what it cannot do', () => {
    expect(munge(split, { seed: 1 })).to.deep.equal(munge(split, { seed: 1 }));
    expect(munge(split, { seed: 1 }).pixels).not.to.deep.equal(munge(split, { seed: 2 }).pixels);
    expect(() => munge(split, { p: 2 })).to.throw(UsageError, 'munge: p must be from 0 to 1, got 2');
    expect(() => munge(split, { copies: 0 })).to.throw(
      UsageError,
      'munge: copies must be a whole number from 1 up, got 0',
    );
    expect(() => munge(split, { s: 0 })).to.throw(UsageError, 'munge: s must be above 0, got 0');
  });
});
