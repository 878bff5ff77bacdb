/** @file Law 5 for channels: the pruned net is the masked one; scores, ratios and budgets against closed forms. */
import { expect } from 'chai';
import {
  copyChannels,
  masked,
  type Pruned,
  planPruning,
  pruneChannels,
  scores,
  verifyCertificate,
  widen,
} from '../../src/edit/index.ts';
import { pruneScopes } from '../../src/edit/prune/prune-options.ts';
import { useBackend } from '../../src/engine/index.ts';
import { Refusal, UsageError } from '../../src/errors.ts';
import { channels, channelsOf, type Graph, shapes } from '../../src/graph/index.ts';
import { cost, graph, input } from '../../src/index.ts';
import { random } from '../../src/random.ts';
import { float, type Net, type WeightKey } from '../../src/weights/index.ts';
import { compose } from '../../zoo/architectures/index.ts';
import { arbitraryGraph } from '../support/arbitrary-graph.ts';
import { messageOf } from '../support/errors.ts';
import { expectSame, layer, made, randomCopies, undefinedIfRefused } from '../support/growing.ts';
import { shaken, smallZoo } from '../support/nets.ts';
import { fc } from '../support/property.ts';

/** The pruned net computes what the masked one does in both modes, and its maps prove it. */
function expectMasked(net: Net, pruned: Pruned): void {
  const mask = pruned.masked();
  expect(verifyCertificate(mask, pruned.net, pruned.maps)).to.deep.equal([]);
  expectSame(mask, pruned.net);
  expectSame(mask, pruned.net, true);
  expect(cost(pruned.net.graph).params).to.be.below(cost(net.graph).params);
}
const with_ = (net: Net, changes: Readonly<Record<WeightKey, readonly number[]>>): Net => ({
  ...net,
  weights: new Map(
    [...net.weights].map(([key, w]) => [
      key,
      changes[key] ? float(w.shape, Float32Array.from(changes[key])) : w,
    ]),
  ),
});
const widths = (g: Graph): Record<string, number> =>
  Object.fromEntries([...shapes(g)].map(([id, shape]) => [id, channelsOf(shape)]));

describe('channel pruning (law 5)', () => {
  before(() => useBackend('wasm'));

  it('random graphs, pruned at random, compute what their masks do, and are certified', () => {
    let done = 0;
    fc.assert(
      fc.property(arbitraryGraph({ classes: 3 }), fc.nat(1000), (g, seed) => {
        const drawn = shaken(g, seed);
        // random graphs are narrow: wider ones have more to lose
        const net = undefinedIfRefused(() => copyChannels(drawn, randomCopies(drawn, seed)))?.net ?? drawn;
        const source = random('prune', seed);
        const o = {
          scope: pruneScopes[source.below(3)] ?? 'layer',
          byGroups: (id: string): boolean => random(seed, id).below(2) === 0,
          ...(source.below(3) ? {} : { roundTo: 2 }),
        } as const;
        const pruned = undefinedIfRefused(() =>
          pruneChannels(net, { ratio: 0.1 + 0.8 * source.uniform() }, o),
        );
        if (!pruned) return;
        done++;
        expectMasked(net, pruned);
      }),
      { numRuns: 300 },
    );
    expect(done).to.be.above(100);
  }).timeout(60_000);

  /** Whether a norm over channels reads all channels that could go. */
  const isBound = (g: Graph): boolean => {
    const { variables, balances } = channels(g);
    const read = new Set(balances.flatMap((b) => (b.kind === 'norm' ? [...b.classes] : [])));
    return variables.every((v) => v.frozen !== undefined || v.classes.every((id) => read.has(id)));
  };
  for (const g of smallZoo(32).filter((small) => cost(small).params < 1_000_000)) {
    it(`${g.name}: three tenths of each layer`, () => {
      const net = shaken(g);
      if (isBound(g)) {
        expect(messageOf(() => pruneChannels(net, { ratio: 0.3 }, { roundTo: 1 }), Refusal)).to.match(
          /^convnext-v2.*: no channel of stage1\/width, .* can be removed, since "stem\/layerNorm" is a norm over these channels, whose means would change; allow that with acrossNorms, and train afterwards$/,
        );
        const across = pruneChannels(net, { ratio: 0.3 }, { roundTo: 1, acrossNorms: true });
        expect(cost(across.net.graph).params).to.be.below(0.6 * cost(g).params);
        return;
      }
      const pruned = pruneChannels(net, { ratio: 0.3 }, { roundTo: 1 });
      expect(verifyCertificate(pruned.masked(), pruned.net, pruned.maps)).to.deep.equal([]);
      expect(cost(pruned.net.graph).params).to.be.below(0.8 * cost(g).params);
    });
  }

  it('takes a channel of zeros away without a trace', () => {
    const g = made((x) => layer(layer(x, 'first', 4), 'second', 4));
    const net = shaken(g);
    const zeroed = with_(net, {
      'first/conv:kernel': [...(net.weights.get('first/conv:kernel')?.data ?? [])].map((w, i) =>
        i % 4 === 2 ? 0 : w,
      ),
      'first/norm:beta': [0.3, 0.2, 0, -0.1],
      'first/norm:mean': [0.1, 0.2, 0, 0.1],
    });
    const pruned = pruneChannels(zeroed, { ratio: 0.25 }, { only: ['first'] });
    expect([...pruned.gone]).to.deep.equal([channels(g).of.get('first/conv')?.[2]]);
    expectSame(zeroed, pruned.net);
    expectSame(zeroed, pruned.net, true);
  });

  it('takes back what growth added, to the last bit', () => {
    const net = shaken(compose(['wrn', 'depth=10', 'size=16']));
    const grown = widen(net, { 'stage*': 'x1.25' }, { split: 'original' }).net;
    const energies = new Map(
      [...shapes(grown.graph)].map(([id, s]) => [id, new Array<number>(channelsOf(s)).fill(1)]),
    );
    const extra = planPruning(grown, { by: 'reconstruction', energies, scope: 'global' });
    const copies = extra.moves.filter((m) => m.score === 0).length;
    const back = extra.prune(copies).net;
    expect(widths(back.graph)).to.deep.equal(widths(net.graph));
    for (const [key, w] of net.weights) expect(back.weights.get(key)?.data, key).to.deep.equal(w.data);
  });

  it('reads the mask by activations that are not zero at zero, and by groups', () => {
    const gated = (x: Parameters<typeof layer>[0]) => {
      const y = layer(x, 'body', 8);
      const gate = y.globalPool().pipe('squeeze', (v) => v.dense(8).act('hardSigmoid'));
      return y.mul(gate).pipe('out', (v) => v.conv(8, { kernel: 3, groups: 2, bias: true }).act('sigmoid'));
    };
    const net = shaken(made(gated));
    const pruned = pruneChannels(net, { ratio: 0.5 });
    expectMasked(net, pruned);
    expect(widths(pruned.net.graph)).to.include({ 'body/conv': 4, 'squeeze/dense': 4, 'out/conv': 4 });
  });
});

describe('importance', () => {
  // two filters of a 1x1 conv over two channels, then a norm and a classifier
  const g = graph('two', input(1, 1, 2).conv(2).norm().globalPool().dense(1, { bias: false }));
  const net = with_(shaken(g), {
    'conv:kernel': [3, 1, -4, 2], // filter 0 is (3, -4), filter 1 is (1, 2)
    'norm:gamma': [-0.5, 2],
    'norm:beta': [1, 1],
    'dense:kernel': [2, 3],
  });
  const all = channels(g);
  const [a, b] = [...(all.of.get('conv') as Int32Array)] as [number, number];
  const of = (by: Parameters<typeof scores>[2], evidence = {}): number[] => {
    const found = scores(net, all, by, evidence);
    return [found.get(a) as number, found.get(b) as number];
  };

  it('l1, l2 and norm scale are norms of the weights', () => {
    expect(of('l1')).to.deep.equal([7, 3]);
    expect(of('l2')).to.deep.equal([5, Math.sqrt(5)]);
    expect(of('norm-scale')).to.deep.equal([0.5, 2]);
  });
  it('geometric median is the distance to the other filters', () => {
    const d = Math.hypot(3 - 1, -4 - 2);
    expect(of('geometric-median')).to.deep.equal([d, d]);
  });
  it('taylor is the squared gate gradient behind the norm, the mean over batches', () => {
    const batch = (gamma: number[], beta: number[]) =>
      new Map<WeightKey, Float32Array>([
        ['norm:gamma', Float32Array.from(gamma)],
        ['norm:beta', Float32Array.from(beta)],
        ['conv:kernel', new Float32Array(4).fill(100)],
      ]);
    // batch 1: (-0.5 * 2 + 1 * 3)^2 = 4 and (2 * 1 + 1 * 1)^2 = 9; batch 2: 0.25 and 0
    expect(of('taylor', { gradients: [batch([2, 1], [3, 1]), batch([1, 0], [0, 0])] })).to.deep.equal([
      4.25 / 2,
      4.5,
    ]);
  });
  it('reconstruction is what the readers lose', () => {
    const energies = new Map([
      ['input', [1, 1]],
      ['globalPool', [0.5, 2]],
    ]);
    expect(of('reconstruction', { energies })).to.deep.equal([4 * 0.5, 9 * 2]);
  });
  it('says which evidence is missing', () => {
    expect(() => of('taylor')).to.throw(Refusal, 'two: taylor needs gradients of the loss');
    expect(() => of('reconstruction')).to.throw(
      Refusal,
      'two: reconstruction needs the mean squares of its values',
    );
    const bare = shaken(graph('bare', input(4).dense(3).dense(2)));
    expect(() => pruneChannels(bare, { ratio: 0.5 }, { by: 'norm-scale' })).to.throw(
      Refusal,
      'bare: norm-scale needs batch norms with a scale, and the net has none; use l1 or l2',
    );
  });
});

describe('how much is pruned', () => {
  const net = shaken(made((x) => layer(layer(layer(x, 'first', 8), 'second', 16), 'third', 8)));
  const before = cost(net.graph);

  it('a ratio is met by the nearest width, in every layer', () => {
    const { net: pruned } = pruneChannels(net, { ratio: 0.3 }, { roundTo: 1 });
    expect(widths(pruned.graph)).to.include({ 'first/conv': 6, 'second/conv': 11, 'third/conv': 6 });
  });
  it('the whole net loses its least important channels, wherever they stand', () => {
    const kernel = net.weights.get('second/conv:kernel')?.data as Float32Array;
    const faint = with_(net, {
      'second/conv:kernel': [...kernel].map((w, i) => (i % 16 < 8 ? w / 1000 : w)),
    });
    const { net: pruned } = pruneChannels(faint, { ratio: 0.25 }, { scope: 'global', by: 'l1' });
    expect(widths(pruned.graph)).to.include({ 'first/conv': 8, 'second/conv': 8, 'third/conv': 8 });
  });
  for (const key of ['macs', 'params'] as const) {
    it(`a budget of ${key} is met by the fewest channels`, () => {
      const o = { scope: 'global', roundTo: 1 } as const;
      const plan = planPruning(net, o);
      const budget = before[key] / 2;
      const after = cost(pruneChannels(net, { [key]: budget } as never, o).net.graph)[key];
      const moves = plan.moves.findIndex((_, i) => plan.cost(i)[key] <= budget);
      expect(after).to.equal(plan.cost(moves)[key]);
      expect(after).to.be.at.most(budget);
      expect(plan.cost(moves - 1)[key]).to.be.above(budget);
    });
  }
  it('roundTo leaves multiples, and layers that have none as they are', () => {
    const { net: pruned } = pruneChannels(net, { ratio: 0.6 }, { roundTo: 4 });
    expect(widths(pruned.graph)).to.include({ 'first/conv': 4, 'second/conv': 8, 'third/conv': 4 });
    expect(() => pruneChannels(net, { ratio: 0.5 }, { roundTo: 32 })).to.throw(
      Refusal,
      'made: no channel of first, second, third can be removed, since no width of 8, 16 can become a multiple of 32; choose a smaller roundTo',
    );
  });
  it('only and except name what may change', () => {
    const { net: only } = pruneChannels(net, { ratio: 0.5 }, { only: ['sec*'] });
    expect(widths(only.graph)).to.include({ 'first/conv': 8, 'second/conv': 8, 'third/conv': 8 });
    const { net: except } = pruneChannels(net, { ratio: 0.5 }, { except: ['second'], roundTo: 1 });
    expect(widths(except.graph)).to.include({ 'first/conv': 4, 'second/conv': 16, 'third/conv': 4 });
  });
  it('whole groups can go', () => {
    const grouped = shaken(made((x) => layer(layer(x, 'first', 12), 'second', 12, { groups: 4 })));
    const { net: pruned } = pruneChannels(grouped, { ratio: 0.25 }, { byGroups: () => true });
    expect(pruned.graph.nodes.find((n) => n.id === 'second/conv')?.op).to.include({ groups: 3, out: 9 });
  });
  it('says what cannot be done', () => {
    const error = (run: () => unknown): string => {
      try {
        run();
      } catch (e) {
        return (e as Error).message;
      }
      return '';
    };
    expect(error(() => pruneChannels(net, { macs: 10 }))).to.match(
      /^made: macs cannot come down to 10 by pruning; the least that can be reached in multiples of 8 is \d+ \(roundTo: 1 may go further\)$/,
    );
    expect(error(() => pruneChannels(net, { ratio: 0.01 }))).to.equal(
      'made: no layer can lose a share near 0.01 in multiples of 8; choose a larger ratio or a roundTo below 8',
    );
    expect(error(() => pruneChannels(net, { ratio: 1 }))).to.equal(
      'prune: ratio must be a share above 0 and below 1, got 1',
    );
    expect(error(() => pruneChannels(net, { ratio: 0.5 }, { only: ['secnd'] }))).to.equal(
      'made: nothing to prune at "secnd". Did you mean "second"?',
    );
    expect(error(() => planPruning(net, { by: 'L1' as never }))).to.equal(
      'no way "L1" to score channels. Did you mean "l1"? Known: l1, l2, norm-scale, geometric-median, taylor, reconstruction',
    );
    expect(error(() => planPruning(net, { roundTo: 1.5 }))).to.equal(
      'prune: roundTo must be a whole number from 1 up, got 1.5',
    );
    expect(error(() => planPruning(net, { most: 0 }))).to.equal(
      'prune: most must be a share above 0 and at most 1, got 0',
    );
    const fixed = shaken(graph('fixed', input(4).dense(3)));
    expect(error(() => pruneChannels(fixed, { ratio: 0.5 }))).to.equal(
      'fixed: no channel of dense can be removed, since it is the output "dense"',
    );
    expect(() => planPruning(net, { only: ['x'] })).to.throw(UsageError);
  });
  it('a mask of nothing is the net', () => {
    for (const [key, w] of masked(net, channels(net.graph), new Set()).weights)
      expect(w.data).to.deep.equal(net.weights.get(key)?.data);
  });
});
