/** @file Blocks of a stage's own kind that change other channels: dense layers and shuffle units. */
import { expect } from 'chai';
import { deepen, grow, narrow, plan, verifyCertificate } from '../../src/edit/index.ts';
import { useBackend } from '../../src/engine/index.ts';
import { Refusal } from '../../src/errors.ts';
import { toJson } from '../../src/graph/index.ts';
import { graph, input } from '../../src/index.ts';
import { cost } from '../../src/read/index.ts';
import { float, materialize, type Net, type Weight, type WeightKey } from '../../src/weights/index.ts';
import { expectPreserved, layer, made, trained } from '../support/growing.ts';
import { shaken, small } from '../support/nets.ts';

const opOf = (net: Net, id: string) => net.graph.nodes.find((n) => n.id === id)?.op;

describe('blocks that change channels', () => {
  before(() => useBackend('wasm'));

  it('a dense layer makes new channels that its readers weigh by zeros', () => {
    const net = shaken(small('densenet-cifar'));
    const grown = deepen(net, 'stage1', 2, { kind: 'block', seed: 3 });
    expect(grown.preserves).to.equal('both');
    expectPreserved(net, grown);
    // depth 10: two layers of 12 channels on 24, then 12 more each
    expect(opOf(grown.net, 'stage1/3/filter/conv')).to.deep.include({ kind: 'conv', out: 12 });
    const reader = 'stage2/transition/conv:kernel';
    const [before, after] = [net, grown.net].map((n) => n.weights.get(reader) as Weight) as [Weight, Weight];
    expect(after.shape[2]).to.equal((before.shape[2] as number) + 24);
    const columns = before.shape[3] as number;
    expect(
      materialize(after)
        .subarray((before.shape[2] as number) * columns)
        .every((v) => v === 0),
    ).to.equal(true);
    expect([...(grown.maps.get('stage2/transition/norm') ?? [])].filter((c) => c < 0)).to.have.length(24);
    expect(toJson(narrow(grown).graph)).to.equal(toJson(net.graph));
  });

  it('a dense layer in the middle of a block of them, and one whose value is flattened', () => {
    const net = shaken(small('densenet-cifar'));
    expectPreserved(net, deepen(net, 'stage2/0', 1, { kind: 'block' }));
    expectPreserved(net, deepen(net, 'stage3', 1, { kind: 'block' }));
    const dense = (x: Parameters<typeof layer>[0]) => x.concat(layer(x, 'body', 2));
    const g = made((x) => {
      const y = x.pipe('stage1/0', dense).pipe('stage1/1', dense).depthwise({ kernel: 3 });
      return y.slice(1, 7).shuffle(2).flatten().dense(5).relu();
    });
    const net2 = shaken(g);
    const grown = deepen(net2, 'stage1', 2, { kind: 'block' });
    expectPreserved(net2, grown);
    expect(grown.added.every((id) => /^stage1\/[23]\//.test(id) || id.endsWith('order'))).to.equal(true);
  });

  it('a shuffle unit: its readers take the channels in the order that it leaves', () => {
    const net = shaken(small('shufflenet-v2'));
    for (const stage of ['stage1', 'stage2', 'stage3']) {
      const grown = deepen(net, stage, 2, { kind: 'block', seed: 3 });
      expect(grown.preserves).to.equal('both');
      expectPreserved(net, grown);
      expect(grown.net.graph.nodes.filter((n) => n.op.kind === 'shuffle')).to.have.length(18);
      expect(grown.net.graph.nodes.filter((n) => n.op.kind === 'permute')).to.have.length(0);
      expect(toJson(narrow(grown).graph)).to.equal(toJson(net.graph));
    }
    // a unit in the middle: the next one splits its channels by place, so that they are put in order for it
    const inside = deepen(net, 'stage2/3', 1, { kind: 'block' });
    expectPreserved(net, inside);
    expect(inside.net.graph.nodes.filter((n) => n.op.kind === 'permute')).to.have.length(1);
  }).timeout(60_000);

  it('ShuffleNet V1 has residual units, which need no such thing', () => {
    const net = shaken(small('shufflenet-v1'));
    const grown = deepen(net, 'stage2', 1, { kind: 'block' });
    expectPreserved(net, grown);
    expect(grown.added.some((id) => id.includes('branch'))).to.equal(false);
  });

  it('the kinds of the zoo are repeated as they are: WRN blocks, inverted residuals, bottlenecks, units', () => {
    const own: readonly (readonly [name: string, stage: string])[] = [
      ['resnet-18', 'stage2'],
      ['resnet-50', 'stage3'],
      ['mobilenet-v2', 'stage3'],
      ['mobilenet-v3-small', 'stage2'],
      ['shufflenet-v2', 'stage2'],
      ['densenet-121', 'stage1'],
      ['resnext-50', 'stage1'],
      ['efficientnet-b0', 'stage3'],
      ['fasternet-t0', 'stage2'],
    ];
    for (const [name, stage] of own) {
      const g = small(name);
      const [planned] = plan(g, [{ deepen: stage, by: 1, kind: 'block' }]);
      expect(planned?.preserves, name).to.equal('both');
      expect(planned?.params, name).to.be.above(cost(g).params);
    }
  });

  it('a layer whose readers cannot take new channels is refused by name, or becomes a branch', () => {
    const dense = (x: Parameters<typeof layer>[0], name: string) => x.concat(layer(x, `${name}/body`, 2));
    const two = (x: Parameters<typeof layer>[0]) =>
      x.pipe('stage1/0', (y) => dense(y, 'a')).pipe('stage1/1', (y) => dense(y, 'a'));
    const grouped = shaken(made((x) => layer(two(x), 'b', 4, { groups: 2 }), 4));
    expect(() => deepen(grouped, 'stage1', 1, { kind: 'block' })).to.throw(
      Refusal,
      "stage1: one more of its blocks does not fit, since at b/conv: a grouped conv cannot take more channels; use the kind 'branch'",
    );
    const sum = shaken(made((x) => two(x).residual((y) => y.conv(8)), 4));
    expect(() => deepen(sum, 'stage1', 1, { kind: 'block' })).to.throw(
      Refusal,
      /since at \S*add: one of its operands would have channels that the others do not have; use the kind 'branch'$/,
    );
    for (const net of [grouped, sum]) {
      const grown = deepen(net, 'stage1');
      expect(grown.added.some((id) => id.includes('branch'))).to.equal(true);
      expectPreserved(net, grown);
    }
    const open = shaken(graph('open', two(input(4, 4, 2)).relu()));
    expect(() => deepen(open, 'stage1', 1, { kind: 'block' })).to.throw(
      Refusal,
      /since at \S*: it is an output, and its channels would change; use the kind 'branch'$/,
    );
    // a permute of a fixed number of channels, as condensenet's layers have it, cannot be repeated on more
    const fixed = shaken(small('condensenet'));
    expect(() => deepen(fixed, 'stage1', 1, { kind: 'block' })).to.throw(
      Refusal,
      "stage1: no block there can be repeated, since none has equal input and output or makes new channels beside its input; use the kind 'branch'",
    );
  });

  it('what is new learns: within three steps every new weight has moved', async () => {
    for (const [name, stage] of [
      ['densenet-cifar', 'stage1'],
      ['shufflenet-v2', 'stage1'],
    ] as const) {
      const net = shaken(small(name, 64));
      const grown = grow(net, [{ deepen: stage, by: 1, kind: 'block' }]);
      const { velocity } = await trained(grown.net, 3);
      const still = [...velocity].filter(
        ([key, moved]) => !net.weights.has(key) && moved.every((v) => v === 0),
      );
      expect(
        still.map(([key]) => key),
        name,
      ).to.deep.equal([]);
      const reader = velocity.get('stage2/transition/conv:kernel');
      if (reader) expect(reader.slice(-12).every((v) => v !== 0)).to.equal(true);
    }
  }).timeout(60_000);

  it('the certificate sees a new channel that an old one weighs, and a unit that does not add zero', () => {
    const net = shaken(small('densenet-cifar'));
    const grown = deepen(net, 'stage1', 1, { kind: 'block' });
    const broken = (from: Net, key: WeightKey, at: number): Net => {
      const weight = from.weights.get(key) as Weight;
      const data = Float32Array.from(materialize(weight));
      const place = at < 0 ? data.length + at : at;
      data[place] = (data[place] as number) + 1;
      return { ...from, weights: new Map(from.weights).set(key, float(weight.shape, data)) };
    };
    expect(
      verifyCertificate(net, broken(grown.net, 'stage2/transition/conv:kernel', -1), grown.maps)[0],
    ).to.match(/^stage2\/transition\/conv: output \d+ reads a new channel$/);
    const units = shaken(small('shufflenet-v2'));
    const unit = deepen(units, 'stage1', 1, { kind: 'block' });
    const last = [...unit.net.weights.keys()]
      .filter((k) => !units.weights.has(k) && k.endsWith('gamma'))
      .at(-1);
    expect(verifyCertificate(units, broken(unit.net, last as WeightKey, 0), unit.maps)).not.to.deep.equal([]);
  });
});
