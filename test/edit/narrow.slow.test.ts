/** @file Growth undone, copies merged, channels permuted: what the maps of growth are good for besides. */
import { expect } from 'chai';
import {
  copyChannels,
  grow,
  mergeCopies,
  narrow,
  permuteChannels,
  verifyCertificate,
  widen,
} from '../../src/edit/index.ts';
import { useBackend } from '../../src/engine/index.ts';
import { Refusal, UsageError } from '../../src/errors.ts';
import { channels, toJson } from '../../src/graph/index.ts';
import { random } from '../../src/random.ts';
import { materialize, type Net, type WeightKey } from '../../src/weights/index.ts';
import { compose } from '../../zoo/index.ts';
import { arbitraryGraph } from '../support/arbitrary-graph.ts';
import {
  expectPreserved,
  expectSame,
  layer,
  made,
  randomCopies,
  randomGrowth,
  trained,
  undefinedIfRefused,
} from '../support/growing.ts';
import { shaken, small } from '../support/nets.ts';
import { fc } from '../support/property.ts';

function expectEqual(a: Net, b: Net): void {
  expect(toJson(a.graph)).to.equal(toJson(b.graph));
  expect([...a.weights.keys()]).to.deep.equal([...b.weights.keys()]);
  for (const [key, weight] of b.weights) {
    const found = a.weights.get(key as WeightKey);
    expect(found && materialize(found), key).to.deep.equal(Float32Array.from(materialize(weight)));
  }
}

describe('growth undone', () => {
  before(() => useBackend('wasm'));

  it('gives the old net back, bit for bit: random graphs, copies at random', () =>
    fc.assert(
      fc.property(arbitraryGraph(), fc.nat(1000), (g, seed) => {
        const net = shaken(g, seed);
        const grown = undefinedIfRefused(() => copyChannels(net, randomCopies(net, seed), { seed }));
        if (grown) expectEqual(narrow(grown), net);
      }),
      { numRuns: 100 },
    )).timeout(60_000);

  it('undoes layers and larger kernels too', () => {
    fc.assert(
      fc.property(arbitraryGraph(), fc.nat(1000), (g, seed) => {
        const net = shaken(g, seed);
        const grown = randomGrowth(net, seed);
        if (!grown) return;
        const back = narrow(grown);
        expect(toJson(back.graph)).to.equal(toJson(net.graph));
        expectSame(net, back);
      }),
      { numRuns: 60 },
    );
    const net = shaken(compose('mobilenet-v2 width=0.25 size=32 classes=10'));
    const grown = grow(net, [
      { widen: { stage2: 'x1.5', stage4: 'x2', 'stage3/1/expand': 'x1.3' } },
      { deepen: 'stage3', by: 2 },
      { enlarge: 'stage2', to: 5 },
      { widen: { 'stage*': 'x1.25' } },
    ]);
    expectEqual(narrow(grown), net);
  }).timeout(60_000);

  it('is refused where copies are copies no more, and where channels are gone', async () => {
    const net = shaken(compose('wrn depth=10 size=16'));
    const grown = widen(net, { stage1: 'x1.5' });
    const { net: later } = await trained(grown.net, 2);
    expect(() => narrow(grown, later)).to.throw(
      Refusal,
      /^wrn .*: it cannot be narrowed without changing its function, since at \S+: .*; prune it instead$/,
    );
    const all = channels(net.graph);
    const id = all.variables.find((v) => v.name === 'stage1/0/first')?.classes[0] as number;
    const smaller = copyChannels(net, new Map([[id, 0]]));
    expect(() => narrow(smaller)).to.throw(
      Refusal,
      'stage1/0/first/conv: channels were removed from it, which cannot be undone',
    );
  }).timeout(60_000);
});

describe('merging copies', () => {
  before(() => useBackend('wasm'));

  it('finds the copies of a net whose maps are not known, and gives the old weights back', () => {
    for (const name of ['wrn', 'mobilenet-v3-small', 'densenet-cifar', 'squeezenet']) {
      const net = shaken(small(name));
      const { net: grown } = widen(net, { 'stage*': 'x1.5' }, { seed: 3 });
      const merged = mergeCopies(grown);
      expect(merged.gone, name).to.be.above(0);
      expectEqual(merged.net, net);
    }
  }).timeout(60_000);

  for (const name of ['shufflenet-v2', 'resnext-cifar']) {
    it(`through the shuffles and groups of ${name}`, () => {
      const net = shaken(small(name, 16));
      const { net: grown } = widen(net, { 'stage*': 'x2', 'stage*/**': 'x2' }, { seed: 3 });
      const merged = mergeCopies(grown);
      for (const [key, weight] of net.weights)
        expect(merged.net.weights.get(key)?.shape, `${name}: ${key}`).to.deep.equal(weight.shape);
      expectSame(net, merged.net);
      expectSame(net, merged.net, true);
    });
  }

  it('by whole groups', () => {
    const net = shaken(made((x) => layer(layer(x, 'a', 8), 'b', 8, { groups: 4 })));
    const byGroups = (): boolean => true;
    const { net: grown } = widen(net, { a: 'x2' }, { byGroups, seed: 5 });
    expectEqual(mergeCopies(grown, { byGroups }).net, net);
  });

  it('leaves a net without copies as it is, and random ones as they compute', () => {
    const net = shaken(small('wrn', 16));
    const { net: same, gone } = mergeCopies(net);
    expect(gone).to.equal(0);
    expectEqual(same, net);
    fc.assert(
      fc.property(arbitraryGraph(), fc.nat(1000), (g, seed) => {
        const net = shaken(g, seed);
        const grown = undefinedIfRefused(() => copyChannels(net, randomCopies(net, seed), { seed }));
        const merged = undefinedIfRefused(() => mergeCopies(grown?.net ?? net));
        if (merged) expectSame(net, merged.net);
      }),
      { numRuns: 80 },
    );
  }).timeout(60_000);

  it('leaves copies apart that other groups read', () => {
    const net = shaken(made((x) => layer(layer(x, 'a', 4), 'b', 4, { groups: 2 })));
    const weights = new Map(net.weights);
    for (const [key, { shape }] of net.weights) {
      if (!key.startsWith('a/')) continue;
      // channels 2 and 3, which the second group reads, are those of the first
      const data = Float32Array.from(materialize(net.weights.get(key) as never));
      data.forEach((_, at) => {
        data[at] = data[at % 4 < 2 ? at : at - 2] as number;
      });
      weights.set(key, { encoding: 'float32', shape, data });
    }
    const twins = { graph: net.graph, weights };
    const merged = mergeCopies(twins);
    expect(merged.gone).to.equal(0);
    expectSame(twins, merged.net);
  });

  it('tells apart what differs in one bit, and dropouts, which draw for themselves', () => {
    const net = shaken(made((x) => layer(x, 'a', 4).conv(4)));
    const grown = widen(net, { a: 8 }, { seed: 1 }).net;
    const key: WeightKey = 'a/norm:beta';
    const beta = Float32Array.from(materialize(grown.weights.get(key) as never));
    for (const i of beta.keys()) beta[i] = (beta[i] as number) * (1 + i * 2 ** -20);
    const weights = new Map(grown.weights).set(key, { encoding: 'float32', shape: [8], data: beta });
    expect(mergeCopies({ graph: grown.graph, weights }).gone).to.equal(0);
    expect(mergeCopies(grown).gone).to.equal(4);
    const dropped = shaken(made((x) => layer(x, 'a', 4).dropout(0.5).conv(4)));
    expect(mergeCopies(widen(dropped, { a: 8 }).net).gone).to.equal(4);
  });
});

describe('permuting channels', () => {
  before(() => useBackend('wasm'));

  it('keeps the function: random graphs, all variables', () =>
    fc.assert(
      fc.property(arbitraryGraph(), fc.nat(1000), (g, seed) => {
        const net = shaken(g, seed);
        const free = channels(g).variables.filter((v) => !v.frozen);
        const chosen = free[random('chosen', seed).below(Math.max(1, free.length))];
        const moved = chosen && undefinedIfRefused(() => permuteChannels(net, chosen.name, { seed }));
        if (moved) expectPreserved(net, moved);
      }),
      { numRuns: 100 },
    )).timeout(60_000);

  it('puts channels where it is told, in every layer that makes them', () => {
    const net = shaken(compose('wrn depth=10 size=16'));
    const order = Array.from({ length: 16 }, (_, i) => (i + 5) % 16);
    const moved = permuteChannels(net, 'stage1/0/first', { order });
    expect([...(moved.maps.get('stage1/0/first/conv') ?? [])]).to.deep.equal(order);
    expectPreserved(net, moved);
    const back = permuteChannels(moved.net, 'stage1/0/first', {
      order: order.map((_, i) => order.indexOf(i)),
    });
    expectEqual(back.net, net);
    const all = permuteChannels(net, 'stage*', { seed: 2 });
    expectPreserved(net, all);
    expect([...(all.maps.get('stage2/0/second/conv') ?? [])]).not.to.deep.equal(
      Array.from({ length: 32 }, (_, i) => i),
    );
    const random = shaken(small('shufflenet-v2'));
    expectPreserved(random, permuteChannels(random, 'stage*', { seed: 2 }));
  }).timeout(60_000);

  it('refuses what is no order, what is frozen, and what would mix groups', () => {
    const net = shaken(compose('wrn depth=10 size=16'));
    expect(() => permuteChannels(net, 'stage1/0/first', { order: [0, 0] })).to.throw(
      UsageError,
      'stage1/0/first: its order must name each of 0 to 15 once, got 2 numbers that do not',
    );
    expect(() => permuteChannels(net, 'stage*', { order: [0] })).to.throw(
      UsageError,
      /^stage\*: it names \d+ variables; give an order for one at a time$/,
    );
    expect(() => permuteChannels(net, 'head')).to.throw(
      Refusal,
      'head: its width cannot change, since it is the output "head/dense"',
    );
    const grouped = shaken(made((x) => layer(layer(x, 'a', 4), 'b', 4, { groups: 2 })));
    expect(() => permuteChannels(grouped, 'b', { order: [2, 3, 0, 1] })).to.throw(
      Refusal,
      'b: this order moves channels between groups of a conv; move them within their groups',
    );
    expectPreserved(grouped, permuteChannels(grouped, 'a', { order: [3, 2, 1, 0] }));
    expect(verifyCertificate(net, net, widen(net, { stage1: 16 }).maps)).to.deep.equal([]);
  });
});
