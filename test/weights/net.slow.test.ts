/** @file A graph and its weights: packed, unpacked, and what does not belong together. */
import { expect } from 'chai';
import { graph, input } from '../../src/compose/index.ts';
import { toJson } from '../../src/graph/index.ts';
import {
  bytesOf,
  entries,
  float,
  init,
  type Net,
  net,
  pack,
  packWeights,
  readSafetensors,
  type StoredTensor,
  splitKey,
  unpack,
  type Weight,
  type WeightKey,
  writeSafetensors,
} from '../../src/weights/index.ts';
import { arbitraryGraph } from '../support/arbitrary-graph.ts';
import { messageOf } from '../support/errors.ts';
import { expectSame, numbered } from '../support/laws.ts';
import { lightZoo, shaken } from '../support/nets.ts';
import { fc } from '../support/property.ts';

const x = input(4, 4, 2);
const shared = x.pipe('a', (y) => y.conv(2, { kernel: 3, bias: true }));
const g = graph(
  'g',
  shared.conv(2, { kernel: 3, bias: true, weightsOf: shared }).norm({ scale: false }).globalPool().dense(3),
);
const whole: Net = init(g);
const without = (key: WeightKey): ReadonlyMap<WeightKey, Weight> =>
  new Map([...whole.weights].filter(([k]) => k !== key));
const withTensors = (change: (tensors: Map<string, StoredTensor>) => void): Uint8Array => {
  const tensors = new Map(readSafetensors(pack(whole).weights).tensors);
  change(tensors);
  return writeSafetensors({ tensors, metadata: {} });
};

describe('entries', () => {
  it('list each weight once, in node order, with its shape; nodes that share add none', () => {
    expect(entries(g).map(({ key, shape, trained }) => [key, shape, trained])).to.deep.equal([
      ['a/conv:kernel', [3, 3, 2, 2], true],
      ['a/conv:bias', [2], true],
      ['norm:beta', [2], true],
      ['norm:mean', [2], false],
      ['norm:variance', [2], false],
      ['dense:kernel', [2, 3], true],
      ['dense:bias', [3], true],
    ]);
  });
});

describe('a net', () => {
  for (const arch of lightZoo())
    it(`packed and unpacked has the same bytes: ${arch.name}`, () => {
      const before = numbered(arch);
      const stored = pack(before);
      const after = unpack(stored);
      expectSame(after, before);
      expect(Buffer.compare(pack(after).weights, stored.weights)).to.equal(0);
      expect(pack(after).graphJson).to.equal(stored.graphJson);
    });

  it('packed and unpacked has the same bytes, for random graphs', () => {
    fc.assert(
      fc.property(arbitraryGraph(), (random) => {
        const before = shaken(random);
        expect([...unpack(pack(before)).weights]).to.deep.equal([...before.weights]);
      }),
      { numRuns: 60 },
    );
  });

  it('is packed in the order of its graph, whatever the order of its weights', () => {
    const backwards = new Map([...whole.weights].reverse());
    expect(packWeights(g, backwards)).to.deep.equal(packWeights(g, whole.weights));
  });

  it('counts the bytes that it stores', () => expect(bytesOf(whole)).to.equal(4 * (36 + 2 + 6 + 6 + 3)));

  it('lacks no weight', () => {
    expect(messageOf(() => net(g, without('norm:beta')))).to.equal(
      'g: the weight "norm:beta" [2] is missing',
    );
    expect(messageOf(() => packWeights(g, without('norm:beta')))).to.equal(
      'g: the weight "norm:beta" is missing',
    );
  });

  it('has each weight in its shape', () => {
    const wrong = new Map(whole.weights).set('dense:kernel', float([3, 2], new Float32Array(6)));
    expect(messageOf(() => net(g, wrong))).to.equal(
      'g: the weight "dense:kernel" has shape [3, 2]; the graph needs [2, 3]',
    );
    const short = new Map(whole.weights).set('dense:kernel', float([2, 3], new Float32Array(5)));
    expect(messageOf(() => net(g, short))).to.equal(
      'g: the weight "dense:kernel" of shape [2, 3] has 5 values; expected 6',
    );
  });

  it('has no weight that nothing needs', () => {
    const more = new Map(whole.weights).set('other:kernel', float([1], new Float32Array(1)));
    expect(messageOf(() => net(g, more))).to.equal(
      'g: the graph has no weight "other:kernel"; are these the weights of another graph?',
    );
  });
});

describe('unpack says which file is wrong', () => {
  const graphJson = toJson(g);
  const said = (stored: Partial<{ graphJson: string; weights: Uint8Array }>): string =>
    messageOf(() => unpack({ graphJson, weights: pack(whole).weights, ...stored }, 'out'));

  it('the graph', () => {
    expect(said({ graphJson: '{}' })).to.match(/^out\/graph\.json: format: /);
    expect(said({ graphJson: graphJson.replace('"inputs":["norm"]', '"inputs":["nrm"]') })).to.equal(
      'out/graph.json: globalPool: reads "nrm", which does not come before it',
    );
  });

  it('the weights', () => {
    const at = 'out/weights.safetensors: ';
    expect(said({ weights: new Uint8Array(3) })).to.match(/^out\/weights\.safetensors: truncated/);
    expect(said({ weights: withTensors((t) => t.delete('norm:mean')) })).to.equal(
      `${at}g: the weight "norm:mean" [2] is missing`,
    );
    const two = (dtype: 'F32' | 'I32'): StoredTensor => ({
      dtype,
      shape: [2],
      data: dtype === 'F32' ? new Float32Array(2) : new Int32Array(2),
    });
    expect(said({ weights: withTensors((t) => t.set('dense:bias', two('F32'))) })).to.equal(
      `${at}g: the weight "dense:bias" has shape [2]; the graph needs [3]`,
    );
    expect(said({ weights: withTensors((t) => t.set('norm:mean', two('I32'))) })).to.equal(
      `${at}"norm:mean" is I32; a weight is F32`,
    );
    expect(said({ weights: withTensors((t) => t.set('more:bias', two('F32'))) })).to.equal(
      `${at}g: the graph has no weight "more:bias"; are these the weights of another graph?`,
    );
    expect(said({ weights: withTensors((t) => t.set('norm.mean', two('F32'))) })).to.equal(
      `${at}"norm.mean" is not a weight's name, such as stage1/0/conv:kernel`,
    );
  });
});

describe('splitKey', () => {
  it('splits a path from its slot', () => expect(splitKey('a/b:gamma')).to.deep.equal(['a/b', 'gamma']));

  for (const key of ['a/b', 'a:weight', ':kernel', '']) {
    it(`refuses "${key}"`, () => {
      expect(messageOf(() => splitKey(key))).to.equal(
        `"${key}" is not a weight's name, such as stage1/0/conv:kernel`,
      );
    });
  }
});
