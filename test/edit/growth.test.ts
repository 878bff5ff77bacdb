/** @file Growth keeps the function: over random graphs, over the zoo, in inference and in training (law 3). */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { verifyCertificate } from '../../src/edit/certificate.ts';
import { copyChannels, deepen, enlarge, grow, plan, widen } from '../../src/edit/index.ts';
import { useBackend } from '../../src/engine/index.ts';
import { MoonletError, Refusal, UsageError } from '../../src/errors.ts';
import { channels, type Graph } from '../../src/graph/index.ts';
import { blocks, cost, graph, input } from '../../src/index.ts';
import { random } from '../../src/random.ts';
import { inputShape } from '../../src/read/ends.ts';
import { forward, weightTensors } from '../../src/read/tfjs/index.ts';
import type { Net, Weight } from '../../src/weights/index.ts';
import { architectures, compose, resnet50, wrn } from '../../zoo/architectures/index.ts';
import { arbitraryGraph } from '../support/arbitrary-graph.ts';
import { largestDifference, noise, shaken, sizeOf, small } from '../support/nets.ts';
import { fc } from '../support/property.ts';

/** All outputs on made-up inputs, eagerly. Dropout is off in training. */
function outputs(net: Net, training: boolean): Float32Array {
  return tf.tidy(() => {
    const still: Graph = {
      ...net.graph,
      nodes: net.graph.nodes.map((n) =>
        n.op.kind === 'dropout' || n.op.kind === 'dropPath' ? { ...n, op: { ...n.op, rate: 0 } } : n,
      ),
    };
    const x = tf.tensor(noise(4 * sizeOf(inputShape(still)), 'growth'), [4, ...inputShape(still)]);
    const { values } = forward(still, weightTensors(net.weights), x, { training });
    const flat = [...new Set(still.outputs)].map((id) => tf.reshape(values.get(id) as tf.Tensor, [-1]));
    return tf.concat(flat).dataSync() as Float32Array;
  });
}
function expectSame(before: Net, after: Net, training = false): void {
  const bound = training ? 1e-3 : 1e-5;
  expect(
    largestDifference(outputs(after, training), outputs(before, training)),
    training ? 'training' : 'inference',
  ).to.be.below(bound);
}
/** Every class that may be copied, a random number of times, as far as the balances allow. */
function randomCopies(net: Net, seed: number): ReadonlyMap<number, number> {
  const all = channels(net.graph);
  const source = random('growth', seed);
  const tied = new Set(all.balances.flatMap((b) => [...b.classes]));
  const whole = source.below(2) + 1;
  const copies = new Map<number, number>();
  for (const v of all.variables) {
    for (const id of v.classes) {
      if (all.frozen.has(id)) continue;
      copies.set(id, tied.has(id) ? whole : 1 + source.below(3));
    }
  }
  return copies;
}

describe('growth', () => {
  before(() => useBackend('cpu'));

  it('widening random graphs at random keeps their function in both modes, and is certified', () =>
    fc.assert(
      fc.property(arbitraryGraph(), fc.nat(1000), (g, seed) => {
        const net = shaken(g, seed);
        let grown: ReturnType<typeof copyChannels>;
        try {
          grown = copyChannels(net, randomCopies(net, seed), { seed });
        } catch (e) {
          if (e instanceof Refusal) return; // a shift whose offsets cannot be shared; asserted to be rare below
          throw e;
        }
        expect(verifyCertificate(net, grown.net, grown.maps)).to.deep.equal([]);
        expectSame(net, grown.net);
        expectSame(net, grown.net, true);
      }),
      { numRuns: 300 },
    )).timeout(120_000);

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
    for (const r of reasons) expect(r).to.match(/cannot be shifted as|channels; widen/);
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

  it('dropping the copies again gives the old weights back, bit for bit', () => {
    const net = shaken(compose('mobilenet-v2 width=0.25 size=32 classes=10'));
    const grown = widen(net, { stage2: 'x1.5', stage4: 'x2', 'stage3/1/expand': 'x1.3' }, { seed: 4 });
    for (const [key, old] of net.weights) {
      const now = grown.net.weights.get(key);
      const node = key.slice(0, key.lastIndexOf(':'));
      const [slot] = key.split(':').slice(-1);
      const out = grown.maps.get(node) as Int32Array;
      const x = net.graph.nodes.find((n) => n.id === node)?.inputs[0] as string;
      const into = grown.maps.get(
        grown.net.graph.nodes.find((n) => n.id === node)?.inputs[0] ?? x,
      ) as Int32Array;
      expect(
        collapsed(now?.data as Float32Array, now?.shape as number[], slot as string, out, into, old.shape),
        key,
      ).to.deep.equal(old.data);
    }
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
      MoonletError,
      'no node at "stage9". Did you mean "stage1"?',
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
      /129 channels do not share evenly over its groups; the nearest widths are \d+ and \d+/,
    );
    expect(() => copyChannels(net, new Map([[20, 1.5]]))).to.throw(
      Refusal,
      'widen: a channel cannot stand 1.5 times',
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
      const data = Float32Array.from(w.data);
      data[0] = (data[0] as number) + 1;
      weights.set(key as never, { ...w, data });
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

  describe('deepen', () => {
    const kinds = [
      'resnet-cifar',
      'mobilenet-v2',
      'mobilenet-v3-small',
      'shufflenet-v2',
      'squeezenet',
      'ghostnet',
      'densenet-cifar',
      'wrn',
    ];
    for (const name of kinds) {
      it(`${name}: every stage, in both modes`, () => {
        const net = shaken(small(name));
        const stages = [...new Set(net.graph.nodes.map((n) => n.id.split('/')[0] as string))].filter((s) =>
          /^stage\d/.test(s),
        );
        const grown = grow(
          net,
          stages.map((deepen) => ({ deepen, by: 1 })),
        );
        expect(grown.preserves).to.equal('both');
        expect(cost(grown.net.graph).params).to.be.above(cost(net.graph).params);
        expectSame(net, grown.net);
        expectSame(net, grown.net, true);
      }).timeout(60_000);
    }
    it('a dirac preserves in inference with its norm, and in both modes without', () => {
      const net = shaken(small('resnet-cifar', 16));
      const withNorm = deepen(net, 'stage2', 2, { kind: 'dirac' });
      expect(withNorm.preserves).to.equal('inference');
      expectSame(net, withNorm.net);
      const bare = deepen(net, 'stage2', 2, { kind: 'dirac', norm: false });
      expect(bare.preserves).to.equal('both');
      expectSame(net, bare.net, true);
    });
    it('refuses what would change the function, with the alternative', () => {
      const net = shaken(wrn({ depth: 10, size: 16 }));
      expect(() => deepen(net, 'stage1', 1, { kind: 'dirac' })).to.throw(
        Refusal,
        "stage1: its value has not been through relu or relu6, so that one more would change it; use the kind 'branch'",
      );
      expect(() => deepen(net, 'stage2', 1, { kind: 'block' })).to.throw(
        Refusal,
        "stage2: no block there has equal input and output, so none can be repeated; use the kind 'branch'",
      );
      expect(() => deepen(net, 'head')).to.throw(
        Refusal,
        'head: it is an output, which stays; deepen a stage before it',
      );
      expect(() => deepen(net, 'stage1', 0)).to.throw(
        Refusal,
        'stage1: deepen by a whole number of layers, got 0',
      );
    });
  });

  it('larger kernels keep the function, at stride 2 and with dilation too', () => {
    const net = shaken(compose('mobilenet-v2 width=0.25 size=32 classes=10'));
    const grown = enlarge(net, '**/filter/*', 5);
    expectSame(net, grown.net);
    expectSame(net, grown.net, true);
    const odd = graph(
      'odd',
      input(13, 12, 2)
        .pipe('stage1', (x) =>
          x.conv(4, { kernel: 3, stride: 2 }).conv(3, { kernel: 3, dilation: 2, padding: 'valid' }),
        )
        .pipe('head', (x) => x.globalPool()),
    );
    expectSame(shaken(odd), enlarge(shaken(odd), 'stage1', 7).net);
    expect(() => enlarge(net, 'head', 5)).to.throw(
      Refusal,
      'head: no conv there whose kernel is smaller than 5',
    );
  });

  it('a plan shows cost before anything is done, and growing by it costs just that', () => {
    const net = shaken(small('resnet-cifar', 16));
    const steps = [
      { widen: { stage1: 'x1.5' as const } },
      { deepen: 'stage2', by: 2 },
      { enlarge: 'stem', to: 5 },
    ] as const;
    const planned = plan(net.graph, steps);
    const grown = grow(net, steps);
    expect(planned.at(-1)?.params).to.equal(cost(grown.net.graph).params);
    expect(planned.map((p) => p.preserves)).to.deep.equal(['both', 'both', 'both']);
    expectSame(net, grown.net);
  });

  it('a target of cost is met from below by width and depth together', () => {
    for (const name of ['wrn', 'mobilenet-v2', 'shufflenet-v2']) {
      const net = shaken(small(name));
      const { net: grown } = grow(net, { macs: 2 });
      expect(cost(grown.graph).macs / cost(net.graph).macs, name).to.be.within(1.6, 2.001);
      expectSame(net, grown);
    }
  });

  it('optimizer slots follow: in the new shape, copies alike', () => {
    const net = shaken(wrn({ depth: 10, size: 16 }));
    const grown = grow(net, [{ widen: { stage1: 24 } }, { deepen: 'stage2', by: 1 }]);
    for (const [key, { data }] of grown.net.weights) {
      const old = net.weights.get(key);
      const followed = old && grown.follow(key, old.data);
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

  it('plans for resnet-50 at full size without looking at weights', () => {
    const planned = plan(resnet50(), [{ widen: { stage1: 'x1.5' } }]);
    expect(planned[0]?.params).to.be.above(cost(resnet50()).params);
  });
});

/** Sums over copies in order of size, which is exact for parts that were split off one by one; means for gathers. */
function collapsed(
  data: Float32Array,
  shape: readonly number[],
  slot: string,
  out: Int32Array,
  into: Int32Array,
  oldShape: readonly number[],
): Float32Array {
  const oldOut = oldShape.at(-1) as number;
  const firstOf = Array.from({ length: oldOut }, (_, o) => out.indexOf(o));
  if (slot !== 'kernel') return Float32Array.from(firstOf, (j) => data[j] as number);
  const [rows, columns] = [shape.at(-2) as number, shape.at(-1) as number];
  const oldRows = oldShape.at(-2) as number;
  const old = new Float32Array(sizeOf(oldShape));
  for (let p = 0; p < data.length / (rows * columns); p++) {
    for (let o = 0; o < oldOut; o++) {
      for (let k = 0; k < oldRows; k++) {
        const copies = [...Array(rows).keys()].filter((i) => (oldRows === 1 ? true : into[i] === k));
        const parts = copies.map((i) => data[(p * rows + i) * columns + (firstOf[o] as number)] as number);
        old[(p * oldRows + k) * oldOut + o] = parts
          .sort((a, b) => Math.abs(a) - Math.abs(b))
          .reduce((a, b) => Math.fround(a + b), 0);
      }
    }
  }
  return old;
}
