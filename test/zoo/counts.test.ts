/** @file The zoo's counts against those of the reference implementations, exact to the integer. */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { cost } from '../../src/read/index.ts';
import { architectures, compose } from '../../zoo/index.ts';

type Row = readonly [
  architecture: string,
  params: number,
  macs: number,
  normStats: number,
  countedBy: string,
];
const { rows } = JSON.parse(readFileSync(new URL('published-counts.json', import.meta.url), 'utf8')) as {
  readonly rows: readonly Row[];
};

describe('published counts', () => {
  for (const [words, params, macs, normStats] of rows) {
    it(words, () => {
      const c = cost(compose(words));
      expect([c.params, c.macs, c.normStats]).to.deep.equal([params, macs, normStats]);
    });
  }

  const counted = JSON.parse(readFileSync(new URL('reference/counts.json', import.meta.url), 'utf8')) as {
    readonly counts: readonly { net: string; params: number; macs: number; normStats: number; by: string }[];
  };
  for (const { net, by, ...counts } of counted.counts) {
    it(`${net}, by ${by}`, () => {
      const { params, macs, normStats } = cost(compose(net));
      expect({ params, macs, normStats }).to.deep.equal(counts);
    });
  }

  it('are there for every architecture', () => {
    const counted = new Set(rows.map(([words]) => words.split(' ')[0]));
    expect([...architectures.keys()].filter((name) => !counted.has(name))).to.deep.equal([]);
  });
});

describe('every architecture', () => {
  for (const [name, make] of architectures) {
    it(`${name} names its stem, its stages from 1 on, and its head`, () => {
      const tops = [...new Set(make().nodes.map((n) => n.id.split('/')[0]))];
      const stages = tops.slice(2, -1);
      expect([tops[0], tops[1], tops.at(-1)]).to.deep.equal(['input', 'stem', 'head']);
      expect(stages).to.deep.equal(stages.map((_, i) => `stage${i + 1}`));
      expect(stages).to.not.have.length(0);
    });

    it(`${name} takes any size that its windows fit, any channels and classes`, () => {
      const odd = cost(make({ size: 45, channels: 4, classes: 3 })).layers;
      expect([odd[0]?.shape, odd.at(-1)?.shape]).to.deep.equal([[45, 45, 4], [3]]);
      try {
        const least = cost(make({ size: 1, channels: 1, classes: 1 })).layers.map((l) => l.shape);
        expect([least[0], least.at(-1)]).to.deep.equal([[1, 1, 1], [1]]);
      } catch (e) {
        expect((e as Error).message).to.match(
          /size must be at least \d+|the \dx\d window does not fit; use a larger input/,
        );
      }
    });
  }
});
