/** @file Pruning says why no channel can be removed, and rounds widths to blocks by default. */
import { expect } from 'chai';
import { wholeShare } from '../../src/edit/prune/whole-share.ts';
import * as core from '../../src/index.ts';
import { graph, init, input, type Net } from '../../src/index.ts';

describe('shares of channels', () => {
  it('are those of exact arithmetic', () => {
    for (let n = 1; n <= 1000; n++)
      for (let percent = 1; percent < 100; percent++)
        if (wholeShare(percent / 100, n) !== Math.floor((percent * n) / 100))
          expect.fail(`${percent} % of ${n}`);
  });
  it('"most" may be a share whose product falls below a whole number in floating point', () => {
    // 0.58 * 50 is 28.999999999999996
    const net = init(graph('fifty', input(4, 4, 4).conv(50, { kernel: 3 }).globalPool().dense(2)));
    expect(core.planPruning(net, { most: 0.58, roundTo: 1 }).moves).to.have.length(29);
  });
});

describe('why no channel can be removed', () => {
  const line = (
    whole: Net,
    o: core.types.PruneOptions = {},
    t: core.types.PruneTarget = { ratio: 0.5 },
  ): string => {
    try {
      core.pruneChannels(whole, t, o);
      return '';
    } catch (e) {
      expect(e).to.be.instanceOf(core.Refusal);
      return (e as Error).message;
    }
  };
  const one = (name: string, channels: number, groups = 1): Net =>
    init(graph(name, input(4, 4, 4).conv(channels, { kernel: 3, groups }).globalPool().dense(2)));
  it('a layer of one channel keeps it', () => {
    expect(line(one('one', 1))).to.equal(
      'one: no channel of conv can be removed, since a layer keeps at least one channel',
    );
  });
  it('"most" is less than a channel', () => {
    expect(line(one('four', 4), { most: 0.1 })).to.equal(
      'four: no channel of conv can be removed, since most = 0.1 of 4 channels is less than the fewest that can be removed together; choose a larger most',
    );
  });
  it('groups of one channel', () => {
    const tied = init(graph('tied', input(4, 4, 4).conv(2, { kernel: 3, groups: 2 }).globalPool().dense(2)));
    expect(line(tied)).to.equal(
      'tied: no channel of conv can be removed, since no choice of them leaves its groups equal',
    );
  });
  it('options that leave nothing', () => {
    expect(line(one('none', 8), { except: ['**'] })).to.equal(
      'none: the options "only" and "except" leave no layer',
    );
    expect(line(one('none', 8), { may: () => false })).to.equal(
      'none: the option "may" allows none of the channels',
    );
    expect(line(one('none', 8), { only: ['dense'] })).to.equal(
      'none: no channel of dense can be removed, since it is the output "dense"',
    );
    expect(line(one('none', 8), {}, { ratios: { conv: 0 } })).to.equal(
      'none: every layer that the ratios name has the ratio 0',
    );
  });
});

describe('rounding to blocks of channels', () => {
  const widths = (g: core.Graph): readonly number[] =>
    g.nodes.flatMap(({ op }) => (op.kind === 'conv' ? [op.out] : []));
  const two = (a: number, b: number): Net =>
    init(graph('two', input(8, 8, 3).conv(a, { kernel: 3 }).conv(b, { kernel: 3 }).globalPool().dense(4)));
  it('is the default; 1 takes exact numbers', () => {
    const rounded = core.pruneChannels(two(32, 40), { ratio: 0.3 });
    expect(widths(rounded.net.graph)).to.deep.equal([24, 24]);
    expect(rounded.roundTo).to.equal(8);
    const exact = core.pruneChannels(two(32, 40), { ratio: 0.3 }, { roundTo: 1 });
    expect(widths(exact.net.graph)).to.deep.equal([22, 28]);
    expect(exact.roundTo).to.equal(1);
  });
  it('leaves narrow layers as they are, unless all are', () => {
    expect(widths(core.pruneChannels(two(6, 16), { ratio: 0.5 }).net.graph)).to.deep.equal([6, 8]);
    const narrow = core.pruneChannels(two(6, 4), { ratio: 0.5 });
    expect(widths(narrow.net.graph)).to.deep.equal([3, 2]);
    expect(narrow.roundTo).to.equal(1);
  });
});

describe('a conv with hundreds of groups', () => {
  it('loses a channel of each group at a time', () => {
    const groups = 128;
    const net = init(
      graph('many', input(2, 2, 4).conv(512).conv(512, { kernel: 3, groups }).globalPool().dense(2)),
    );
    const plan = core.planPruning(net, { roundTo: 1 });
    // two layers of four channels in each group; a fourth of the channels is the last, and stays
    expect(plan.moves.map(({ classes }) => classes.length)).to.deep.equal(Array(6).fill(groups));
    for (const { classes } of plan.moves) {
      const node = plan.channels.balances.find((b) => b.classes.includes(classes[0] ?? -1));
      const hit = classes.map((id) => node?.groups[node.classes.indexOf(id)]);
      expect(new Set(hit).size).to.equal(groups);
    }
  });
});
