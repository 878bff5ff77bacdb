/** @file Growth in depth and by plans keeps the function (law 3), and what is new then learns. */
import { expect } from 'chai';
import { deepen, enlarge, type Growth, grow, parsePlan, plan, widen } from '../../src/edit/index.ts';
import { useBackend } from '../../src/engine/index.ts';
import { Refusal, UsageError } from '../../src/errors.ts';
import type { Graph } from '../../src/graph/index.ts';
import { blocks, cost, graph, input } from '../../src/index.ts';
import type { Net, WeightKey } from '../../src/weights/index.ts';
import { compose, resnet50, wrn } from '../../zoo/index.ts';
import { expectPreserved, expectSame, outputs, trained } from '../support/growing.ts';
import { largestDifference, shaken, small } from '../support/nets.ts';

describe('growth in steps', () => {
  before(() => useBackend('wasm'));

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
      // closer than its eps, which the scale makes up for
      const far = largestDifference(outputs(withNorm.net, false), outputs(net, false));
      expect(far).to.be.below(1e-6);
      expectSame(net, withNorm.net);
      const bare = deepen(net, 'stage2', 2, { kind: 'dirac', norm: false });
      expect(bare.preserves).to.equal('both');
      expectSame(net, bare.net, true);
    });
    it('refuses what would change the function, with the alternative', () => {
      const net = shaken(wrn({ depth: 10, size: 16 }));
      expect(() => deepen(net, 'stage1', 1, { kind: 'dirac' })).to.throw(
        Refusal,
        "stage1: its value is not the output of a relu or relu6, so that another one would change it; use the kind 'branch'",
      );
      expect(() => deepen(net, 'stage2', 1, { kind: 'block' })).to.throw(
        Refusal,
        "stage2: no block there can be repeated, since none has equal input and output or makes new channels beside its input; use the kind 'branch'",
      );
      expect(() => deepen(net, 'head')).to.throw(
        Refusal,
        'head: it is an output, which does not change; deepen a stage before it',
      );
      expect(() => deepen(net, 'stage1', 0)).to.throw(
        UsageError,
        'stage1: the number of layers must be a whole number from 1 to 1000, got 0',
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
      'head: no conv there has a kernel above 1 that is smaller than 5',
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

  it('plans for resnet-50 at full size without looking at weights', () => {
    const planned = plan(resnet50(), [{ widen: { stage1: 'x1.5' } }]);
    expect(planned[0]?.params).to.be.above(cost(resnet50()).params);
  });

  it('a plan that is none, or that cannot be met, is refused', () => {
    const net = shaken(small('wrn', 16));
    expect(() => parsePlan([])).to.throw(UsageError, /^plan: /);
    expect(() => parsePlan([{ widen: { stage1: 'wide' } }])).to.throw(UsageError, /^plan: /);
    expect(() => grow(net, [])).to.throw(UsageError, 'plan: it has no steps');
    expect(() => plan(net.graph, { macs: 1 })).to.throw(
      UsageError,
      'grow: macs must be a factor above 1, got 1',
    );
    expect(() => plan(net.graph, { params: 1.0000001 })).to.throw(
      Refusal,
      /^plan: no step of wrn .* fits within 1\.0000001 times its params; choose a larger factor$/,
    );
  });

  it('a target of cost leaves out stages that cannot change', () => {
    const a = input(8, 8, 3).pipe('stage1', blocks.convNormAct(6, { kernel: 3 }));
    const b = a.pipe('stage2', blocks.convNormAct(8, { kernel: 3 }));
    const g = graph('taps', b.globalPool().dense(3), a);
    const net = shaken(g);
    const { net: grown, preserves } = grow(net, { params: 3 });
    expect(preserves).to.equal('both');
    expect(cost(grown.graph).params / cost(g).params).to.be.within(1.5, 3);
    expectSame(net, grown);
  });

  it('a plan of whole groups is one that grow follows', () => {
    const net = shaken(small('resnext-cifar', 16));
    const o = { byGroups: () => true, seed: 4 };
    const steps = [{ widen: { 'stage1/0/filter': 'x1.5' as const } }];
    const grown = grow(net, steps, o);
    expect(plan(net.graph, steps, o)[0]?.params).to.equal(cost(grown.net.graph).params);
    expectPreserved(net, grown);
  });

  it('says where nothing can be inserted', () => {
    const dead: Graph = {
      name: 'dead',
      nodes: [
        { id: 'input', op: { kind: 'input', shape: [4] }, inputs: [] },
        { id: 'idle', op: { kind: 'act', fn: 'relu' }, inputs: ['input'] },
        { id: 'dense', op: { kind: 'dense', out: 2, bias: true }, inputs: ['input'] },
      ],
      outputs: ['dense'],
    };
    expect(() => deepen(shaken(dead), 'idle')).to.throw(
      Refusal,
      'idle: no node reads its value; deepen another place',
    );
    expect(() => deepen(shaken(dead), 'input', 1, { kind: 'dirac' })).to.throw(
      Refusal,
      'input: a dirac conv needs a feature map, and this is [4]',
    );
    // what dropout keeps it scales beyond 6, so that a second relu6 would bite in training
    const capped = graph('capped', input(4, 4, 2).conv(3).act('relu6').dropout(0.5).globalPool());
    expect(() => deepen(shaken(capped), 'dropout', 1, { kind: 'dirac' })).to.throw(
      Refusal,
      "use the kind 'branch'",
    );
    const open = graph('open', input(4, 4, 2).conv(3).relu().dropout(0.5).globalPool());
    expectPreserved(shaken(open), deepen(shaken(open), 'dropout', 1, { kind: 'dirac', norm: false }));
  });

  describe('what is new learns', () => {
    type Moves = ReadonlyMap<WeightKey, Float32Array>;
    /** New weights that no gradient has reached, although it has reached what they copy. */
    const stuck = (net: Net, grown: Growth, old: Moves, now: Moves, larger: boolean): string[] =>
      [...now].flatMap(([key, moved]) => {
        const before = old.get(key);
        if (before && grown.net.weights.get(key)?.shape.join() === net.weights.get(key)?.shape.join())
          return [];
        // an offset before the next norm has no gradient but rounding
        const least = before?.reduce((m, v) => Math.max(m, 1e-5 * Math.abs(v)), 1e-5);
        const reached = before?.map((v) => (Math.abs(v) > (least as number) ? 1 : 0));
        const could = reached && grown.follow(key, reached);
        // a new layer's weights, and zeros around a kernel, copy nothing
        const still = [...moved].filter((v, i) => v === 0 && (!could || larger || could[i] !== 0)).length;
        return still ? [`${key}: ${still} of ${moved.length}`] : [];
      });
    const nets: Readonly<Record<string, () => Net>> = {
      wrn: () => shaken(compose('wrn depth=10 size=16')),
      'mobilenet-v2': () => shaken(compose('mobilenet-v2 width=0.25 size=64 classes=10')),
    };
    const ways: Readonly<Record<string, (net: Net) => Growth>> = {
      widen: (net) => widen(net, { 'stage*': 'x1.5' }, { seed: 3 }),
      'deepen by blocks': (net) => deepen(net, 'stage2', 1),
      'deepen by a branch': (net) => deepen(net, 'stage2', 1, { kind: 'branch' }),
      enlarge: (net) => enlarge(net, 'stage2', 5),
    };
    for (const [name, make] of Object.entries(nets)) {
      let old: Moves;
      before(async () => {
        old = (await trained(make(), 1)).velocity;
      });
      const own = name === 'wrn' ? ['widen', 'deepen by a branch', 'enlarge'] : ['widen', 'deepen by blocks'];
      for (const [way, edit] of Object.entries(ways).filter(([w]) => own.includes(w))) {
        it(`${name}: ${way}: a gradient reaches every new weight`, async () => {
          const grown = edit(make());
          // copies learn from the first step on, as what they copy; what is behind zeros follows by the third
          const { velocity } = await trained(grown.net, way === 'widen' ? 1 : 3);
          expect(stuck(make(), grown, old, velocity, way === 'enlarge')).to.deep.equal([]);
        }).timeout(60_000);
      }
    }

    it('copies of a channel have grown apart after three steps', async () => {
      const net = nets['wrn']?.() as Net;
      const grown = widen(net, { 'stage2/0/first': 'x2', stage1: 'x1.5' });
      const [before, after] = [grown.net, (await trained(grown.net, 3)).net];
      const columnsOf = (n: Net, id: string): string[] => {
        const { data, shape } = n.weights.get(`${id}:kernel`) ?? { data: [], shape: [] };
        const out = shape.at(-1) as number;
        return Array.from({ length: out }, (_, j) => [...data].filter((_v, i) => i % out === j).join());
      };
      const id = 'stage2/0/first/conv';
      const old = new Set(columnsOf(before, id));
      expect(old.size).to.equal(32);
      expect(new Set(columnsOf(after, id)).size).to.equal(64);
    }).timeout(60_000);
  });
});
