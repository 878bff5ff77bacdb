/** @file Growth and pruning through norms over channels, scales, transposed convs, pixel shuffles and resizing. */
import { expect } from 'chai';
import {
  addUnits,
  deepen,
  type Growth,
  mergeCopies,
  narrow,
  permuteChannels,
  pruneChannels,
  verifyCertificate,
  widen,
} from '../../src/edit/index.ts';
import { useBackend } from '../../src/engine/index.ts';
import { Refusal } from '../../src/errors.ts';
import { graph, input, type Net } from '../../src/index.ts';
import { float, materialize } from '../../src/weights/index.ts';
import { compose } from '../../zoo/architectures/index.ts';
import { messageOf } from '../support/errors.ts';
import { expectPreserved, expectSame, type Map as FeatureMap, made } from '../support/growing.ts';
import { shaken } from '../support/nets.ts';

const bytes = ({ weights }: Net): readonly (readonly [string, number[]])[] =>
  [...weights].map(([key, w]) => [key, [...materialize(w)]] as const);

/** conv -> what is tested -> conv, so that `first` can be widened. */
const between = (step: (x: FeatureMap) => FeatureMap, c = 4): Net =>
  shaken(made((x) => step(x.pipe('first', (y) => y.conv(c, { bias: true }))).pipe('last', (y) => y.conv(4))));

describe('growth through norms over channels', () => {
  before(() => useBackend('cpu'));

  it('a group norm with a group for each channel reads copies group by group, whatever a maxout after it wants', () => {
    const net = between((x) => x.groupNorm(4).maxout(2));
    expectPreserved(net, widen(net, { first: 'x2' }));
  });

  for (const [name, step] of [
    ['a layer norm', (x) => x.layerNorm()],
    ['a layer norm without weights', (x) => x.layerNorm({ scale: false, offset: false })],
    ['a response norm', (x) => x.responseNorm()],
    ['a group norm', (x) => x.groupNorm(1)],
    ['a group norm of two groups', (x) => x.groupNorm(2)],
  ] as const satisfies readonly (readonly [string, (x: FeatureMap) => FeatureMap])[]) {
    it(`${name} keeps its means when every channel is copied equally often, and can be narrowed again`, () => {
      const net = between(step);
      for (const factor of ['x2', 'x3'] as const) {
        const wide = widen(net, { first: factor });
        expectPreserved(net, wide);
        expect(wide.preserves).to.equal('both');
        expect(bytes(narrow(wide))).to.deep.equal(bytes(net));
        expect(mergeCopies(wide.net).net.graph.nodes).to.deep.equal(net.graph.nodes);
      }
    });

    it(`${name} refuses other widths with the nearest, and new units`, () => {
      const net = between(step);
      const kind = `${name.split(' ')[1]}Norm`;
      expect(messageOf(() => widen(net, { first: 'x1.5' }), Refusal)).to.equal(
        `first: x1.5 of 4 channels; "${kind}" is a norm over these channels, which keeps its means only when every channel is copied equally often; the nearest widths are 4 (x1) and 8 (x2)`,
      );
      expect(messageOf(() => widen(net, { first: 9 }), Refusal)).to.match(
        /the nearest widths are 8 \(x2\) and 12 \(x3\)$/,
      );
      expect(messageOf(() => addUnits(net, { first: 'x2' }), Refusal)).to.equal(
        `${kind}: a norm over channels cannot take new units, which would change its means; use widen, which copies channels, instead`,
      );
    });

    it(`${name} does not care about the order of channels`, () => {
      const net = between(step);
      expectPreserved(net, permuteChannels(net, 'first', { seed: 3 }));
    });

    it(`${name} is not pruned unless it is allowed`, () => {
      const net = between(step, 8);
      expect(messageOf(() => pruneChannels(net, { ratio: 0.5 }, { only: ['first'] }), Refusal)).to.match(
        /first can be removed, since ".*" is a norm over these channels, whose means would change; allow that with acrossNorms, and train afterwards$/,
      );
      const pruned = pruneChannels(net, { ratio: 0.5 }, { only: ['first'], acrossNorms: true, roundTo: 1 });
      expect(pruned.net.weights.get('first/conv:bias')?.shape).to.deep.equal([4]);
    });
  }

  it('a norm over two layers needs both to grow alike', () => {
    const net = shaken(
      made((x) =>
        x
          .pipe('left', (y) => y.conv(3))
          .concat(x.pipe('right', (y) => y.conv(5)))
          .layerNorm()
          .conv(4),
      ),
    );
    expect(messageOf(() => widen(net, { left: 'x2' }), Refusal)).to.equal(
      'layerNorm: it is a norm over channels, which keeps its means only when every channel is copied equally often; widen left, right together, by the same whole factor',
    );
    expectPreserved(net, widen(net, { left: 'x2', right: 'x2' }));
  });

  it('copies of which some are equal are merged only if the means stay', () => {
    const net = between((x) => x.layerNorm());
    const weights = new Map(net.weights);
    for (const slot of ['kernel', 'bias'] as const) {
      const weight = net.weights.get(`first/conv:${slot}`);
      const data = weight ? materialize(weight).slice() : new Float32Array();
      for (let i = 0; i < data.length; i += 4) data[i + 1] = data[i] ?? 0; // channel 1 is channel 0
      weights.set(`first/conv:${slot}`, float(weight?.shape ?? [], data));
    }
    for (const slot of ['gamma', 'beta'] as const) {
      const data = materialize(weights.get(`layerNorm:${slot}`) ?? float([4], new Float32Array(4))).slice();
      data[1] = data[0] ?? 0;
      weights.set(`layerNorm:${slot}`, float([4], data));
    }
    const equal = { graph: net.graph, weights };
    expect(mergeCopies(equal).gone).to.equal(0);
  });

  it('a wrong certificate is found: a channel more often than others, another weight', () => {
    const net = between((x) => x.layerNorm());
    const wide = widen(net, { first: 'x2' });
    const uneven = new Map(wide.maps);
    for (const id of ['first/conv', 'layerNorm']) uneven.set(id, Int32Array.of(0, 0, 0, 1, 2, 2, 3, 3));
    expect(verifyCertificate(net, wide.net, uneven).join()).to.contain(
      'layerNorm: a norm over channels must see every old channel equally often, and no other',
    );
    const weights = new Map(wide.net.weights);
    const beta = materialize(weights.get('layerNorm:beta') ?? float([8], new Float32Array(8))).slice();
    beta[3] = (beta[3] ?? 0) + 1;
    weights.set('layerNorm:beta', float([8], beta));
    expect(verifyCertificate(net, { graph: wide.net.graph, weights }, wide.maps)).to.deep.equal([
      'layerNorm: its beta is not that of the channels it copies',
    ]);
  });
});

describe('growth through other ops', () => {
  before(() => useBackend('cpu'));
  const any: Readonly<Record<string, (x: FeatureMap) => FeatureMap>> = {
    'a scale': (x) => x.scale(),
    'a transposed conv': (x) => x.convTranspose(6, { kernel: 3, stride: 2, bias: true }),
    'a depthwise transposed conv': (x) =>
      x.convTranspose(x.channels, { kernel: 2, stride: 2, groups: x.channels }),
    'a pixel shuffle': (x) => x.pixelShuffle(2),
    'resizing to less': (x) => x.resize([4, 5]),
    'resizing with corners aligned': (x) => x.resize([9, 8], { align: 'corners' }),
  };
  for (const [name, step] of Object.entries(any))
    it(`${name} is exact`, () => {
      const net = between(step, 8);
      const wide: Growth = widen(net, { first: 'x1.5' });
      expectPreserved(net, wide);
      expect(bytes(narrow(wide))).to.deep.equal(bytes(net));
    });

  it('a grouped transposed conv grows within its groups, or by whole groups', () => {
    const net = between((x) => x.convTranspose(8, { kernel: 2, stride: 2, groups: 2 }).conv(4), 8);
    expectPreserved(net, widen(net, { first: 'x1.5' }));
    expectPreserved(net, widen(net, { first: 'x2' }, { byGroups: () => true }));
  });

  it('pruning removes whole channels of a pixel shuffle, and rows of a transposed conv', () => {
    for (const step of [any['a pixel shuffle'], any['a transposed conv']]) {
      if (!step) throw new Error('no step');
      const net = between(step, 16);
      const pruned = pruneChannels(net, { ratio: 0.5 }, { only: ['first'], roundTo: 1 });
      expect(verifyCertificate(pruned.masked(), pruned.net, pruned.maps)).to.deep.equal([]);
      expectSame(pruned.masked(), pruned.net);
    }
  });
});

describe('ConvNeXt grows', () => {
  before(() => useBackend('cpu'));
  const small = (name: string): Net => shaken(compose(`${name} width=0.1 size=32 classes=3`));

  it('its blocks to any width, its stages by whole factors', () => {
    const net = small('convnext layerScale=1');
    expectPreserved(net, widen(net, { 'stage1/0/expand': 'x1.25', stage4: 'x2' }));
    expect(messageOf(() => widen(net, { stage4: 'x1.5' }), Refusal)).to.match(
      /^stage4\/width: x1\.5 of 32 channels; /,
    );
  });
  it('in its second version both by whole factors', () => {
    const net = small('convnext-v2');
    expectPreserved(net, widen(net, { 'stage1/0/expand': 'x2', stage2: 'x2' }));
    expect(messageOf(() => widen(net, { 'stage1/0/expand': 'x1.25' }), Refusal)).to.contain(
      '"stage1/0/expand/responseNorm"',
    );
  });
  for (const name of ['convnext layerScale=1', 'convnext-v2'])
    it(`${name} gets blocks that add nothing at first`, () => {
      const net = small(name);
      const deep = deepen(net, 'stage2', 1);
      expectPreserved(net, deep);
      expect(deep.added).to.include('stage2/2/filter/layerNorm');
    });
});

describe('the builder', () => {
  it('makes a graph that no weights are needed for', () => {
    const g = graph('up', input(4, 4, 16).pixelShuffle(2).convTranspose(3, { kernel: 2, stride: 2 }));
    expect(g.nodes.map((n) => n.op.kind)).to.deep.equal(['input', 'pixelShuffle', 'convTranspose']);
  });
});
