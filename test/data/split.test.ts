/** @file Parts of splits: what is in them, that they are balanced, and that seeds decide. */
import { expect } from 'chai';
import { hold, type Split, subset, take } from '../../src/data/index.ts';
import { UsageError } from '../../src/errors.ts';
import { messageOf } from './errors.ts';

/** Examples of two pixels each, which name their index. */
function made(labels: readonly number[]): Split {
  return {
    count: labels.length,
    pixels: Uint8Array.from(labels.flatMap((_, i) => [i, 255 - i])),
    labels: Uint8Array.from(labels),
  };
}
const indicesOf = ({ count, pixels }: Split): number[] =>
  Array.from({ length: count }, (_, i) => pixels[2 * i]!);
const countsOf = ({ labels }: Split): number[] => [0, 1, 2].map((c) => labels.filter((l) => l === c).length);

const even = made(Array.from({ length: 60 }, (_, i) => i % 3));
const uneven = made([...Array(4).fill(0), ...Array(20).fill(1), ...Array(36).fill(2)]);

describe('subset', () => {
  it('copies the examples at the indices, in their order', () => {
    const part = subset(even, [7, 0, 7]);
    expect(part).to.deep.equal({
      count: 3,
      pixels: Uint8Array.from([7, 248, 0, 255, 7, 248]),
      labels: Uint8Array.from([1, 0, 1]),
    });
    part.pixels[0] = 99;
    expect(even.pixels[14]).to.equal(7);
    expect(subset(even, [])).to.deep.equal({ count: 0, pixels: new Uint8Array(), labels: new Uint8Array() });
  });

  it('refuses indices outside the split', async () => {
    for (const index of [60, -1, 0.5]) {
      expect(await messageOf(UsageError, () => subset(even, [0, index]))).to.equal(
        `subset: index ${index} is not one of the 60 examples, 0 to 59`,
      );
    }
  });
});

describe('take', () => {
  it('takes as many of each class', () => {
    expect(countsOf(take(even, 30))).to.deep.equal([10, 10, 10]);
    expect(countsOf(take(even, 31)).sort()).to.deep.equal([10, 10, 11]);
    expect(countsOf(take(uneven, 30))).to.deep.equal([4, 13, 13]);
    expect(countsOf(take(uneven, 60))).to.deep.equal([4, 20, 36]);
  });

  it('keeps the order of the split, and is decided by the seed', () => {
    const indices = indicesOf(take(even, 30, 1));
    expect(indices).to.deep.equal([...indices].sort((a, b) => a - b));
    expect(new Set(indices).size).to.equal(30);
    expect(indicesOf(take(even, 30, 1))).to.deep.equal(indices);
    expect(indicesOf(take(even, 30, 2))).not.to.deep.equal(indices);
    expect(indicesOf(take(even, 30))).to.deep.equal(indicesOf(take(even, 30, 0)));
  });

  it('lies within a larger one of the same seed', () => {
    expect(indicesOf(take(even, 45, 1))).to.include.members(indicesOf(take(even, 30, 1)));
  });

  it('refuses counts that the split cannot give', async () => {
    for (const count of [0, 61, 2.5]) {
      expect(await messageOf(UsageError, () => take(even, count))).to.equal(
        `take: count must be a whole number from 1 to 60, got ${count}`,
      );
    }
  });
});

describe('hold', () => {
  it('parts the split in two, the held part balanced', () => {
    const { train, validation } = hold(even, 15, 3);
    expect([train.count, validation.count]).to.deep.equal([45, 15]);
    expect(countsOf(validation)).to.deep.equal([5, 5, 5]);
    expect([...indicesOf(train), ...indicesOf(validation)].sort((a, b) => a - b)).to.deep.equal(
      indicesOf(even),
    );
    expect(hold(even, 15, 3)).to.deep.equal({ train, validation });
    expect(hold(even, 15, 4)).not.to.deep.equal({ train, validation });
  });

  it('refuses to leave nothing to train on', async () => {
    expect(await messageOf(UsageError, () => hold(even, 60, 0))).to.equal(
      'hold: count must be a whole number from 1 to 59, got 60',
    );
  });
});
