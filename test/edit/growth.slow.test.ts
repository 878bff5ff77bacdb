/** @file Growth keeps the function: over random graphs, over the zoo, in inference and in training (law 3). */
import { expect } from 'chai';
import { copyChannels, grow, verifyCertificate, widen } from '../../src/edit/index.ts';
import { useBackend } from '../../src/engine/index.ts';
import { Refusal, UsageError } from '../../src/errors.ts';
import { channels } from '../../src/graph/index.ts';
import { blocks, graph, input } from '../../src/index.ts';
import { float, materialize, type Net, type Weight } from '../../src/weights/index.ts';
import { architectures, compose, wrn } from '../../zoo/architectures/index.ts';
import { arbitraryGraph } from '../support/arbitrary-graph.ts';
import {
  expectPreserved,
  expectSame,
  outputs,
  randomCopies,
  randomGrowth,
  undefinedIfRefused,
} from '../support/growing.ts';
import { largestDifference, shaken, small } from '../support/nets.ts';
import { fc } from '../support/property.ts';

describe('growth', () => {
  before(() => useBackend('wasm'));

  it('random graphs, widened at random, compute the same in both modes, and are certified', () =>
    fc.assert(
      fc.property(arbitraryGraph(), fc.nat(1000), (g, seed) => {
        const net = shaken(g, seed);
        const grown = undefinedIfRefused(() => copyChannels(net, randomCopies(net, seed), { seed }));
        if (grown) expectPreserved(net, grown); // refusals are asserted to be rare below
      }),
      { numRuns: 150 },
    )).timeout(120_000);

  it('random graphs, grown at random in every way, compute the same', () => {
    let done = 0;
    fc.assert(
      fc.property(arbitraryGraph(), fc.nat(1000), (g, seed) => {
        const net = shaken(g, seed);
        const grown = randomGrowth(net, seed);
        if (!grown) return;
        done++;
        expectPreserved(net, grown);
      }),
      { numRuns: 300 },
    );
    expect(done).to.be.above(200);
  }).timeout(120_000);

  it('refuses random growth rarely, and then with a reason', () => {
    const graphs = fc.sample(arbitraryGraph(), 200);
    const reasons = graphs.flatMap((g, i) => {
      try {
        copyChannels(shaken(g), randomCopies(shaken(g), i));
        return [];
      } catch (e) {
        expect(e).to.be.instanceOf(Refusal);
        return [(e as Error).message];
      }
    });
    expect(reasons.length).to.be.below(20);
    for (const r of reasons) expect(r).to.match(/cannot be shifted as|channels; widen|equally often; widen/);
  });

  it('every random split starts apart: copies of a channel have other outgoing weights', () => {
    const net = shaken(wrn({ depth: 10, size: 16 }));
    const { net: wide, maps } = widen(net, { 'stage2/0/first': 'x2' });
    const map = maps.get('stage2/0/first/conv') as Int32Array;
    const kernel = wide.weights.get('stage2/0/second/conv:kernel') as Weight;
    const [, , rows, columns] = kernel.shape as [number, number, number, number];
    const [a, b] = [...map.keys()].filter(
      (i) => map[i] === map[map.findIndex((v, k) => map.indexOf(v) !== k)],
    ) as [number, number];
    expect(rows).to.equal(64);
    const row = (i: number): number[] => [...kernel.data.slice(i * columns, (i + 1) * columns)];
    expect(row(a)).not.to.deep.equal(row(b));
  });

  it('the ways to split keep the function; noise does not, and says so', () => {
    const net = shaken(wrn({ depth: 10, size: 16 }));
    for (const split of ['random', 'equal', 'original'] as const)
      expectSame(net, widen(net, { stage1: 24 }, { split }).net);
    const noisy = widen(net, { stage1: 24 }, { noise: 0.05 });
    expect(noisy.preserves).to.equal('neither');
    expect(largestDifference(outputs(noisy.net, false), outputs(net, false))).to.be.above(1e-4);
  });

  it('grouped convs grow within their groups, or by whole groups', () => {
    const g = graph(
      'grouped',
      input(6, 6, 3)
        .pipe('stem', blocks.convNormAct(8, { kernel: 3 }))
        .pipe('stage1', blocks.grouped(12, 4))
        .pipe('head', (x) => x.globalPool().dense(3)),
    );
    const net = shaken(g);
    const conv = (n: Net) => n.graph.nodes.find((k) => k.id === 'stage1/conv')?.op;
    const within = widen(net, { stem: 'x1.5', stage1: 24 });
    expect(conv(within.net)).to.deep.include({ groups: 4, out: 24 });
    expectSame(net, within.net);
    const whole = widen(net, { stem: 'x2' }, { byGroups: () => true, seed: 3 });
    expect(conv(whole.net)).to.deep.include({ groups: 8, out: 24 });
    expectSame(net, whole.net, true);
    expect(verifyCertificate(net, whole.net, whole.maps)).to.deep.equal([]);
  });

  it('names what it cannot do, and the nearest that it can', () => {
    const grouped = shaken(compose('resnext-cifar'));
    const net = shaken(wrn({ depth: 10, size: 16 }));
    expect(() => widen(net, { stage9: 'x2' })).to.throw(
      UsageError,
      'nothing to widen at "stage9". Did you mean "stage1"?',
    );
    expect(() => widen(net, { 'stage1/0/frist': 'x2' })).to.throw(
      UsageError,
      'Did you mean "stage1/0/first"?',
    );
    expect(() => widen(net, { head: 'x2' })).to.throw(
      Refusal,
      'head: its width cannot change, since it is the output "head/dense"',
    );
    expect(() => widen(net, { stage1: 8 })).to.throw(
      Refusal,
      'stage1/width: it is 16 wide, and widening to 8 would lose channels',
    );
    expect(() => widen(grouped, { 'stage1/0/filter': 129 })).to.throw(
      Refusal,
      /129 channels do not divide evenly over its groups; the nearest widths are \d+ and \d+/,
    );
    expect(() => copyChannels(net, new Map([[20, 1.5]]))).to.throw(
      Refusal,
      'copyChannels: a channel cannot appear 1.5 times',
    );
  });

  it('a broken certificate is found: a weight, a map, a norm, an order', () => {
    const net = shaken(compose('shufflenet-v2 width=0.5 size=32 classes=10'));
    const { net: wide, maps } = widen(net, { stage1: 'x1.5' }, { seed: 2 });
    expect(verifyCertificate(net, wide, maps)).to.deep.equal([]);
    const broken = (key: string): Net => {
      const weights = new Map(wide.weights);
      const w = weights.get(key as never);
      if (!w) throw new Error(key);
      const data = Float32Array.from(materialize(w));
      data[0] = (data[0] as number) + 1;
      weights.set(key as never, float(w.shape, data));
      return { ...wide, weights };
    };
    const kernel = [...wide.weights.keys()].find(
      (k) => k.startsWith('stage2') && k.endsWith('kernel'),
    ) as string;
    const gamma = [...wide.weights.keys()].find(
      (k) => k.startsWith('stage1') && k.endsWith('gamma'),
    ) as string;
    for (const key of [kernel, gamma])
      expect(verifyCertificate(net, broken(key), maps)).not.to.deep.equal([]);
    for (const id of [...maps.keys()].filter(
      (k) => (maps.get(k)?.length ?? 0) > 3 && k.startsWith('stage1'),
    )) {
      const wrong = new Map(maps);
      const map = Int32Array.from(maps.get(id) as Int32Array);
      map[0] = (map[0] as number) + 1;
      wrong.set(id, map);
      expect(verifyCertificate(net, wide, wrong), id).not.to.deep.equal([]);
    }
  });

  it('optimizer slots follow: in the new shape, copies alike', () => {
    const net = shaken(wrn({ depth: 10, size: 16 }));
    const grown = grow(net, [{ widen: { stage1: 24 } }, { deepen: 'stage2', by: 1 }]);
    for (const [key, { data }] of grown.net.weights) {
      const old = net.weights.get(key);
      const followed = old && grown.follow(key, materialize(old));
      if (old) expect(followed, key).to.have.length(data.length);
    }
    const gamma = grown.follow(
      'stage1/0/first/norm:gamma',
      Float32Array.from({ length: 16 }, (_, i) => i),
    );
    expect([...(gamma ?? [])].sort((a, b) => a - b)).to.deep.equal(Array.from({ length: 16 }, (_, i) => i));
  });

  it('every architecture names its stages as variables', () => {
    for (const name of architectures.keys()) {
      const { variables } = channels(small(name));
      expect(
        variables.some((v) => /^stage\d+/.test(v.name)),
        name,
      ).to.equal(true);
      expect(new Set(variables.map((v) => v.name)).size, name).to.equal(variables.length);
    }
  });
});
