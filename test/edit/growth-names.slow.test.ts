/** @file What growth can be asked for, what it refuses, and what its certificate sees. */
import { expect } from 'chai';
import { copyChannels, enlarge, grow, verifyCertificate, widen } from '../../src/edit/index.ts';
import { useBackend } from '../../src/engine/index.ts';
import { Refusal, UsageError } from '../../src/errors.ts';
import { channels, type Graph } from '../../src/graph/index.ts';
import { graph, input } from '../../src/index.ts';
import { float, materialize, type Net, type WeightKey } from '../../src/weights/index.ts';
import { compose } from '../../zoo/index.ts';
import { expectPreserved, expectSame, layer, made, outputs } from '../support/growing.ts';
import { largestDifference, shaken } from '../support/nets.ts';

const widths = (net: Net, id: string): number | undefined => {
  const op = net.graph.nodes.find((n) => n.id === id)?.op;
  return op && 'out' in op ? op.out : undefined;
};

describe('growth by name', () => {
  before(() => useBackend('wasm'));

  it('inner values that are outputs stay as they are', () => {
    const a = layer(input(5, 5, 2), 'a', 4);
    const b = layer(a, 'b', 6);
    const net = shaken(graph('taps', b.globalPool().dense(3), b.slice(0, 3), a.add(layer(b, 'c', 4))));
    expect(() => widen(net, { a: 'x2' })).to.throw(
      Refusal,
      'a: its width cannot change, since it is the output',
    );
    const grown = widen(net, { b: 'x2' });
    expect(widths(grown.net, 'b/conv')).to.equal(12);
    const at = grown.maps.get('b/conv') as Int32Array;
    for (const kept of [0, 1, 2]) expect([...at].filter((c) => c === kept)).to.have.length(1);
    expectPreserved(net, grown);
  });

  it('whole groups of several grouped convs in a row', () => {
    const g = made((x) =>
      layer(x, 'a', 8)
        .conv(12, { groups: 4 })
        .norm()
        .conv(8, { kernel: 3, groups: 4 })
        .relu()
        .conv(8, { groups: 2 }),
    );
    const net = shaken(g);
    const grown = widen(net, { a: 'x2' }, { byGroups: () => true, seed: 5 });
    expectPreserved(net, grown);
    expect(grown.net.graph.nodes.flatMap((n) => (n.op.kind === 'conv' ? [n.op.groups] : []))).to.deep.equal([
      1, 8, 8, 4,
    ]);
  });

  it('a width is that of the layer, where channels go together', () => {
    const net = shaken(made((x) => layer(x, 'a', 8).maxout(2).conv(4)));
    expect(channels(net.graph).variables[0]).to.include({ name: 'a', width: 8 });
    expect(widths(widen(net, { a: 12 }).net, 'a/conv')).to.equal(12);
    expect(widths(widen(net, { maxout: 7 }).net, 'a/conv')).to.equal(14);
    expect(() => widen(net, { a: 11 })).to.throw(
      Refusal,
      'a: its 11 channels cannot be divided among the layers that make them; a width near it is 12',
    );
  });

  it('names may overlap as long as they ask for the same', () => {
    const net = shaken(compose('wrn depth=10 size=16'));
    const once = widen(net, { stage1: 'x1.5' }).net;
    expect(
      widths(widen(net, { stage1: 'x1.5', 'stage1/width': 'x1.5' }).net, 'stage1/0/second/conv'),
    ).to.equal(widths(once, 'stage1/0/second/conv'));
    expect(() => widen(net, { stage1: 'x1.5', 'stage1/0/add': 'x2' })).to.throw(
      UsageError,
      'stage1/0/add=x2: "stage1" already sets stage1/width to x1.5; name it once',
    );
    const all = widen(net, { 'stage*': 'x2' }).net;
    expect([1, 2, 3].map((s) => widths(all, `stage${s}/0/second/conv`))).to.deep.equal([32, 64, 128]);
  });

  it('taking away channels that nothing weighs changes nothing', () => {
    const net = shaken(compose('mobilenet-v2 width=0.25 size=32 classes=10'));
    const all = channels(net.graph);
    const expand = all.variables.find((v) => v.name === 'stage2/1/expand');
    const stem = all.variables.find((v) => v.name === 'stage3/width');
    if (!expand || !stem) throw new Error('no such variables');
    const gone = new Set([...expand.classes.slice(0, 5), ...stem.classes.slice(2, 4)]);
    const weights = new Map(net.weights);
    for (const node of net.graph.nodes) {
      const value = all.of.get(node.inputs[0] ?? '') as Int32Array;
      const weight = net.weights.get(`${node.id}:kernel`);
      const [rows, columns] = (weight?.shape.slice(-2) as [number, number] | undefined) ?? [0, 0];
      if (!weight || rows !== value.length) continue;
      const data = materialize(weight).map((v, i) =>
        gone.has(value[Math.floor(i / columns) % rows] as number) ? 0 : v,
      );
      weights.set(`${node.id}:kernel` as WeightKey, float(weight.shape, data));
    }
    const silent: Net = { graph: net.graph, weights };
    const smaller = copyChannels(silent, new Map([...gone].map((id) => [id, 0])));
    expect(widths(smaller.net, 'stage2/1/expand/conv')).to.equal(
      (widths(net, 'stage2/1/expand/conv') ?? 0) - 5,
    );
    expectPreserved(silent, smaller);
    // and where something weighs them, the certificate says so
    const changed = copyChannels(net, new Map([...gone].map((id) => [id, 0])));
    expect(verifyCertificate(net, changed.net, changed.maps)).not.to.deep.equal([]);
  });

  it('refuses copies that would make a wrong net', () => {
    const g = made((x) => layer(x, 'a', 4).conv(4, { groups: 2 }).slice(0, 2));
    const net = shaken(g);
    const all = channels(g);
    const of = (id: string, j: number): number => all.of.get(id)?.[j] as number;
    const copies = (...list: [number, number][]) => new globalThis.Map(list);
    expect(() => copyChannels(net, copies([of('dense', 0), 2]))).to.throw(
      Refusal,
      /^copyChannels: channel class \d+ cannot change, since it is the output "dense"$/,
    );
    expect(() => copyChannels(net, copies([of('a/conv', 0), 3]))).to.throw(
      Refusal,
      'conv: its 2 groups would get 4 and 2 channels; widen a together, by the same factor (a pattern such as stage* names several)',
    );
    expect(() => copyChannels(net, copies([1e6, 2]))).to.throw(
      Refusal,
      'copyChannels: there is no class 1000000 of channels; see channels()',
    );
    expect(() =>
      copyChannels(
        net,
        copies([of('conv', 0), 0], [of('conv', 1), 0], [of('conv', 2), 0], [of('conv', 3), 0]),
      ),
    ).to.throw(Refusal, 'conv: every channel would be removed; keep at least one');
    const few = shaken(made((x) => layer(x, 'a', 8).shift(3).conv(2)));
    expect(() => widen(few, { a: 9 })).to.throw(
      Refusal,
      'shift: 9 channels cannot be shifted as 8 were; choose another width',
    );
    const [first] = channels(few.graph).of.get('a/conv') as Int32Array;
    const deeper = shaken(made((x) => layer(x, 'a', 18).shift(3).conv(2)));
    expect(() => copyChannels(deeper, copies([first as number, 3]))).to.throw(
      Refusal,
      /^shift: its 9 offsets would get 4 and 2 channels; widen a together/,
    );
    expect(() => widen(net, { a: 6 }, { noise: -1 })).to.throw(
      UsageError,
      'widen: noise must be a number from 0 up, got -1',
    );
  });

  it('noise falls on split weights alone', () => {
    const net = shaken(compose('wrn depth=10 size=16'));
    const noisy = widen(net, { 'stage2/0/first': 'x1.5' }, { noise: 0.1 }).net;
    const quiet = widen(net, { 'stage2/0/first': 'x1.5' }).net;
    const differ = [...quiet.weights].flatMap(([key, w]) =>
      largestDifference(noisy.weights.get(key)?.data as Float32Array, materialize(w)) ? [key] : [],
    );
    expect(differ).to.deep.equal(['stage2/0/second/conv:kernel']);
  });

  it('the kernel of shared weights grows wherever it is used', () => {
    const g = made((x) => {
      const y = layer(x, 'a', 3);
      const one = y.pipe('one', (z) => z.conv(3, { kernel: 3 }));
      return one.pipe('two', (z) => z.conv(3, { kernel: 3, stride: 2, weightsOf: one }));
    });
    const net = shaken(g);
    const grown = enlarge(net, 'two', 5);
    expect(grown.net.weights.get('one/conv:kernel')?.shape).to.deep.equal([5, 5, 3, 3]);
    expectPreserved(net, grown);
    expect(() => enlarge(net, 'two', 100)).to.throw(
      UsageError,
      "two: a kernel's size must be a whole number from 2 to 99, got 100",
    );
  });

  it('the maps of several steps are those of all of them', () => {
    const net = shaken(compose('wrn depth=10 size=16'));
    const grown = grow(net, [
      { widen: { stage1: 'x1.5' } },
      { deepen: 'stage2', by: 1 },
      { widen: { stage1: 'x1.5', stage2: 40 } },
      { enlarge: 'stem', to: 5 },
    ]);
    expect(grown.maps.get('stage1/0/add')).to.have.length(36);
    expect(Math.max(...(grown.maps.get('stage1/0/add') ?? []))).to.equal(15);
    expectPreserved(net, grown);
  });

  it('a certificate sees wrong wiring, options, windows and additions', () => {
    const net = shaken(compose('mobilenet-v2 width=0.25 size=32 classes=10'));
    const grown = grow(net, [
      { widen: { stage2: 'x1.5' } },
      { deepen: 'stage2', by: 1 },
      { enlarge: 'stage3', to: 5 },
    ]);
    expect(verifyCertificate(net, grown.net, grown.maps)).to.deep.equal([]);
    const broken = (change: (n: Graph['nodes'][number]) => Graph['nodes'][number]): readonly string[] => {
      const now = { ...grown.net, graph: { ...grown.net.graph, nodes: grown.net.graph.nodes.map(change) } };
      return verifyCertificate(net, now, grown.maps);
    };
    const first = (findings: readonly string[]): string => findings[0] ?? 'nothing';
    expect(
      first(broken((n) => (n.op.kind === 'act' ? { ...n, op: { kind: 'act', fn: 'relu' } } : n))),
    ).to.contain('its options have changed');
    expect(
      first(
        broken((n) => (n.id === 'stage3/1/project/norm' ? { ...n, inputs: ['stage3/0/project/conv'] } : n)),
      ),
    ).to.contain('it reads');
    expect(
      first(
        broken((n) =>
          n.id === 'stage3/1/filter/conv' && n.op.kind === 'conv'
            ? { ...n, op: { ...n.op, padding: [1, 3, 3, 1] } }
            : n,
        ),
      ),
    ).to.contain('its windows are at other places');
    const weights = new Map(grown.net.weights);
    const key = [...weights.keys()].find((k) =>
      grown.added.some((id) => k === `${id}:gamma` && id.includes('project')),
    ) as WeightKey;
    weights.set(
      key,
      float(
        weights.get(key)?.shape ?? [],
        Float32Array.from(weights.get(key)?.data ?? [], () => 1),
      ),
    );
    expect(first(verifyCertificate(net, { ...grown.net, weights }, grown.maps))).to.contain(
      'it reads a new value',
    );
  });

  it('outputs are compared where they differ', () => {
    const net = shaken(compose('wrn depth=10 size=16'));
    const other = shaken(compose('wrn depth=10 size=16'), 2);
    expect(largestDifference(outputs(other, false), outputs(net, false))).to.be.above(0.1);
    expect(() => expectSame(net, other)).to.throw();
  });
});
