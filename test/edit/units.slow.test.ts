/** @file New units beside the old ones, and new ways through a net: nothing old notices, and what is new learns. */
import { expect } from 'chai';
import { addUnits, connect, grow, narrow, parsePlan, plan, verifyCertificate } from '../../src/edit/index.ts';
import { useBackend } from '../../src/engine/index.ts';
import { Refusal, UsageError } from '../../src/errors.ts';
import { channels, toJson } from '../../src/graph/index.ts';
import { graph, input } from '../../src/index.ts';
import { addHead, withOutput } from '../../src/learn/distill/index.ts';
import { random } from '../../src/random.ts';
import { cost } from '../../src/read/index.ts';
import { materialize, type Net, type WeightKey } from '../../src/weights/index.ts';
import { compose } from '../../zoo/index.ts';
import { arbitraryGraph } from '../support/arbitrary-graph.ts';
import {
  expectPreserved,
  expectSame,
  layer,
  made,
  outputs,
  trained,
  undefinedIfRefused,
} from '../support/growing.ts';
import { largestDifference, shaken, small } from '../support/nets.ts';
import * as ops from '../support/ops.ts';
import { fc } from '../support/property.ts';

const columnNorms = (net: Net, key: WeightKey): readonly number[] => {
  const { shape } = net.weights.get(key) ?? { shape: [1] };
  const columns = shape.at(-1) as number;
  const squares = new Array<number>(columns).fill(0);
  materialize(net.weights.get(key) as never).forEach((v, at) => {
    squares[at % columns] = (squares[at % columns] as number) + v * v;
  });
  return squares.map(Math.sqrt);
};
const mean = (all: readonly number[]): number => all.reduce((a, b) => a + b, 0) / all.length;

describe('new units', () => {
  before(() => useBackend('wasm'));

  it('keep the function: random graphs, any variables, both modes, certified, and undone bit for bit', () => {
    let done = 0;
    fc.assert(
      fc.property(arbitraryGraph(), fc.nat(1000), (g, seed) => {
        const net = shaken(g, seed);
        const free = channels(g).variables.filter((v) => !v.frozen);
        const source = random('units', seed);
        const names = free.filter((_, i) => i === seed % Math.max(1, free.length) || source.below(2));
        const grown = undefinedIfRefused(() =>
          addUnits(net, Object.fromEntries(names.map((v) => [v.name, 'x2' as const])), { seed }),
        );
        if (!grown || !names.length) return;
        done++;
        expectPreserved(net, grown);
        const back = narrow(grown);
        expect(toJson(back.graph)).to.equal(toJson(net.graph));
        for (const [key, weight] of net.weights)
          expect(materialize(back.weights.get(key) as never), key).to.deep.equal(
            Float32Array.from(materialize(weight)),
          );
      }),
      { numRuns: 400 },
    );
    expect(done).to.be.above(50);
  }).timeout(60_000);

  for (const name of ['wrn', 'mobilenet-v3-small', 'shufflenet-v2', 'densenet-cifar', 'resnext-cifar']) {
    it(`${name}: every stage`, () => {
      const net = shaken(small(name));
      const stages = { 'stage*': name === 'resnext-cifar' ? ('x2' as const) : ('x1.5' as const) };
      const grown = addUnits(net, stages, { seed: 2 });
      expect(cost(grown.net.graph).params).to.be.above(cost(net.graph).params);
      expectPreserved(net, grown);
    }).timeout(60_000);
  }

  it('start at random, at the scale of the old ones', () => {
    const net = shaken(compose('wrn depth=10 size=16'));
    const grown = addUnits(net, { 'stage2/0/first': 'x2' }, { seed: 3 });
    const id = 'stage2/0/first/conv';
    const map = grown.maps.get(id) as Int32Array;
    const norms = columnNorms(grown.net, `${id}:kernel`);
    const [fresh, old] = [
      norms.filter((_, j) => (map[j] as number) < 0),
      norms.filter((_, j) => (map[j] as number) >= 0),
    ];
    expect([fresh.length, old.length]).to.deep.equal([32, 32]);
    for (const n of fresh) expect(n).to.be.closeTo(mean(old), 1e-5);
    expect(new Set([...materialize(grown.net.weights.get(`${id}:kernel`) as never)]).size).to.be.above(
      64 * 16 * 9 * 0.9,
    );
    const next = grown.maps.get('stage2/0/first/norm') as Int32Array;
    const at = (slot: string, n: Net) =>
      [...materialize(n.weights.get(`stage2/0/first/norm:${slot}` as never) as never)] as number[];
    const gamma = at('gamma', grown.net);
    next.forEach((from, j) => {
      if (from < 0) expect(gamma[j]).to.be.closeTo(mean(at('gamma', net)), 1e-5);
    });
    const expected = mean(at('variance', net).map((v, i) => v + (at('mean', net)[i] as number) ** 2));
    next.forEach((from, j) => {
      if (from < 0) expect(at('variance', grown.net)[j]).to.be.closeTo(expected, 1e-5);
    });
  });

  it('mixed into the old ones they change the function, and say so', () => {
    const net = shaken(compose('wrn depth=10 size=16'));
    const grown = addUnits(net, { stage1: 'x1.5' }, { into: 'random' });
    expect(grown.preserves).to.equal('neither');
    expect(largestDifference(outputs(grown.net, false), outputs(net, false))).to.be.above(1e-3);
    expect(verifyCertificate(net, grown.net, grown.maps)[0]).to.match(/reads a new channel$/);
    expect(() => addUnits(net, { stage1: 'x2' }, { into: 'all' as never })).to.throw(
      UsageError,
      'addUnits: into must be one of zero, random, got "all"',
    );
  });

  it('with a new head: the old one says what it said, and both kinds of units move', async () => {
    const net = shaken(compose('wrn depth=10 size=16'));
    const grown = addUnits(net, { stage3: 'x1.5' }, { seed: 2 });
    const two = addHead(grown.net, { name: 'new', classes: 10, normalized: true });
    expectSame(net, withOutput(two, net.graph.outputs[0] as string));
    const { velocity } = await trained(two, 2);
    const head = velocity.get('heads/new/dense:kernel') as Float32Array;
    expect(head).to.have.length(96 * 10);
    expect(head.every((v) => v !== 0)).to.equal(true);
    const map = grown.maps.get('stage3/0/second/conv') as Int32Array;
    const filters = velocity.get('stage3/0/second/conv:kernel') as Float32Array;
    const share = (is: (from: number) => boolean): number => {
      const some = [...filters].filter((_, at) => is(map[at % map.length] as number));
      return Math.sqrt(mean(some.map((v) => v * v)));
    };
    // one pace: their gradients are of one size
    expect(share((from) => from < 0) / share((from) => from >= 0)).to.be.within(0.3, 3);
  }).timeout(60_000);

  it('cannot be told from old ones where weights are shared in another order', () => {
    const net = shaken(small('wrn', 16));
    expect(() => addUnits(net, { head: 'x2' })).to.throw(Refusal, 'head: its width cannot change');
    expect(() => addUnits(net, { stage9: 'x2' })).to.throw('nothing to widen at "stage9"');
  });
});

describe('new connections', () => {
  before(() => useBackend('wasm'));

  it('a value led to a later one changes nothing: by sums and concats, over strides, into vectors', () => {
    const net = shaken(compose('mobilenet-v2 width=0.25 size=32 classes=10'));
    for (const by of ['add', 'concat'] as const) {
      for (const [from, to] of [
        ['stage2/0', 'stage2'],
        ['stem', 'stage3/1/project'],
        ['input', 'stage4/0/filter'],
      ] as const) {
        const grown = undefinedIfRefused(() => connect(net, from, to, { by, seed: 1 }));
        if (by === 'add') expect(grown, `${from} ${to}`).to.not.equal(undefined);
        if (grown) expectPreserved(net, grown);
      }
    }
    const plainNet = shaken(
      graph(
        'plain',
        layer(layer(input(9, 9, 2), 'a', 4, { stride: 2 }), 'b', 6)
          .globalPool()
          .dense(5)
          .relu()
          .dense(3),
      ),
    );
    for (const by of ['add', 'concat'] as const) {
      for (const [from, to] of [
        ['input', 'a'],
        ['a', 'b'],
        ['a', 'globalPool'],
        ['input', 'act'],
      ] as const) {
        const grown = connect(plainNet, from, to, { by });
        expectPreserved(plainNet, grown);
        expect(toJson(narrow(grown).graph)).to.equal(toJson(plainNet.graph));
      }
    }
  }).timeout(60_000);

  it('learns from the first step on', async () => {
    const net = shaken(compose('wrn depth=10 size=16'));
    const grown = connect(net, 'stem', 'stage2');
    expectPreserved(net, grown);
    const { velocity } = await trained(grown.net, 1);
    const fresh = [...velocity].filter(([key]) => !net.weights.has(key));
    expect(fresh.map(([key]) => key)).to.have.length(1);
    expect(fresh[0]?.[1].every((v) => v !== 0)).to.equal(true);
  }).timeout(60_000);

  it('refuses what cannot be led there', () => {
    const net = shaken(compose('wrn depth=10 size=16'));
    expect(() => connect(net, 'stage2', 'stage1')).to.throw(
      Refusal,
      'stage2 to stage1: a value can be connected only to one that comes after it',
    );
    expect(() => connect(net, 'stage1', 'head')).to.throw(
      Refusal,
      'head: it is an output, which does not change',
    );
    expect(() => connect(net, 'stage1', 'stage2/0/second', { by: 'concat' })).to.throw(
      Refusal,
      /one of its operands would have channels that the others do not have$/,
    );
    // found by random growth: the second conv would read more channels than the first, whose weights it has
    const conv = ops.conv({ out: 1, kernel: [1, 1] });
    const tied = shaken({
      name: 'tied',
      nodes: [
        { id: 'input', op: { kind: 'input', shape: [3, 3, 1] }, inputs: [] },
        { id: 'a', op: conv, inputs: ['input'] },
        { id: 'b', op: conv, inputs: ['a'] },
        { id: 'c', op: conv, inputs: ['b'], weightsOf: 'b' },
      ],
      outputs: ['c'],
    });
    for (const place of ['a', 'b'])
      expect(() => connect(tied, 'input', place, { by: 'concat' })).to.throw(
        Refusal,
        'c: it would read other channels than b, whose weights it shares; grow before b too, or elsewhere',
      );
    const up = shaken(made((x) => layer(x, 'a', 4, { stride: 2 }).upsample(2).conv(4)));
    expect(() => connect(up, 'a', 'upsample')).to.throw(
      Refusal,
      'a to upsample: no stride reads [3, 3, 4] as [6, 6, 4]',
    );
  });

  it('are steps of plans, whose cost is known before', () => {
    const net = shaken(compose('wrn depth=10 size=16'));
    const steps = parsePlan([
      { connect: 'stem', to: 'stage1' },
      { units: { stage2: 'x1.5' } },
      { widen: { stage1: 'x1.5' } },
    ]);
    const planned = plan(net.graph, steps);
    const grown = grow(net, steps);
    expect(planned.at(-1)?.params).to.equal(cost(grown.net.graph).params);
    expectPreserved(net, grown);
    expect(plan(net.graph, [{ units: { stage2: 'x2' }, into: 'random' }])[0]?.preserves).to.equal('neither');
    const mixed = grow(net, [{ units: { stage2: 'x2' }, into: 'random' }]);
    expect(mixed.preserves).to.equal('neither');
  });
});
