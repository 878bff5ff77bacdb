/** @file Growth and pruning through attention over channels and positions: what is exact, and what is refused, and why. */
import { expect } from 'chai';
import { mergeCopies, narrow, pruneChannels, verifyCertificate, widen } from '../../src/edit/index.ts';
import { useBackend } from '../../src/engine/index.ts';
import { type Graph, nodesById } from '../../src/graph/index.ts';
import { graph, input } from '../../src/index.ts';
import { float, type Net } from '../../src/weights/index.ts';
import { expectPreserved, expectSame } from '../support/growing.ts';
import { shaken } from '../support/nets.ts';

/** Two heads of 2 channels in q, and 3 in k and v. */
const made = (): Graph => {
  const from = input(4, 3, 3).pipe('stem', (y) => y.conv(8).norm().positions({ features: 8 }).relu());
  const q = from.pipe('q', (y) => y.conv(4, { bias: true }).act('sigmoid'));
  const k = from.pipe('k', (y) => y.conv(6).norm());
  const v = from.pipe('v', (y) => y.conv(6, { bias: true }));
  const mixed = q.attention(k, v, { heads: 2, form: 'covariance' });
  const end = mixed.pipe('mix', (y) => y.conv(5).norm());
  return graph('channels', end.globalPool().dense(3));
};
const net = shaken(made());
const shapeOf = ({ weights }: Net, key: `${string}:${'kernel' | 'gamma' | 'bias'}`) =>
  weights.get(key)?.shape;

describe('growth through attention over channels', () => {
  before(() => useBackend('wasm'));

  it('copies channels of q within heads, and those of k and v by whole factors', () => {
    const queries = widen(net, { q: 'x2' });
    expectPreserved(net, queries);
    expect(shapeOf(queries.net, 'mix/conv:kernel')).to.deep.equal([1, 1, 8, 5]);
    const keys = widen(net, { k: 'x3' });
    expectPreserved(net, keys);
    expect(shapeOf(keys.net, 'v/conv:kernel')).to.deep.equal([1, 1, 8, 18]);
    expect(shapeOf(keys.net, 'attention:gamma')).to.deep.equal([2]);
    expect(shapeOf(narrow(keys), 'v/conv:kernel')).to.deep.equal([1, 1, 8, 6]);
  });

  it('copies heads as a whole, with their gamma', () => {
    const grown = widen(net, { k: 'x2' }, { byGroups: () => true });
    expectPreserved(net, grown);
    const op = nodesById(grown.net.graph).get('attention')?.op;
    expect(op?.kind === 'attention' && op.heads).to.equal(4);
    expect(shapeOf(grown.net, 'attention:gamma')).to.deep.equal([4]);
    expect(mergeCopies(grown.net, { byGroups: () => true }).gone).to.equal(0);
  });

  it('copies columns of positions', () => {
    const grown = widen(net, { stem: 'x1.5' });
    expectPreserved(net, grown);
    expect(shapeOf(grown.net, 'stem/positions:kernel')).to.deep.equal([8, 12]);
    expect(mergeCopies(grown.net).gone).to.equal(4);
  });

  it('has a certificate that finds another gamma, and other columns', () => {
    const grown = widen(net, { stem: 'x1.5', k: 'x2' });
    const changed = (key: 'attention:gamma' | 'stem/positions:kernel'): readonly string[] => {
      const weights = new Map(grown.net.weights);
      const shape = weights.get(key)?.shape ?? [];
      weights.set(key, float(shape, new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5)));
      return verifyCertificate(net, { graph: grown.net.graph, weights }, grown.maps);
    };
    expect(changed('attention:gamma')).to.deep.equal([
      'attention: its gamma is not that of the heads it copies',
    ]);
    expect(changed('stem/positions:kernel')).to.deep.equal([
      'stem/positions: its kernel is not that of the channels it copies',
    ]);
  });

  it('refuses other widths of k and v, and says which are possible', () => {
    expect(() => widen(net, { k: 8 })).to.throw(
      'k: 8 of 6 channels; "attention" is an attention with a softmax over these channels of k, which keeps its weights only when every channel is copied equally often; the nearest widths are 6 (x1) and 12 (x2)',
    );
    expect(() => widen(net, { q: 5 })).to.throw('do not divide evenly over its groups');
  });

  it('prunes channels of q within heads, whole heads and channels with positions; k and v stay', () => {
    const queries = pruneChannels(net, { ratio: 0.5 }, { only: ['q'], roundTo: 1 });
    expectSame(queries.masked(), queries.net);
    expect(shapeOf(queries.net, 'q/conv:kernel')).to.deep.equal([1, 1, 8, 2]);
    const heads = pruneChannels(net, { ratio: 0.5 }, { only: ['k'], roundTo: 1, byGroups: () => true });
    expectSame(heads.masked(), heads.net);
    expect(shapeOf(heads.net, 'attention:gamma')).to.deep.equal([1]);
    const stem = pruneChannels(net, { ratio: 0.5 }, { only: ['stem'], roundTo: 1 });
    expectSame(stem.masked(), stem.net);
    expect(shapeOf(stem.net, 'stem/positions:kernel')).to.deep.equal([8, 4]);
    expect(() => pruneChannels(net, { ratio: 0.5 }, { only: ['k'], roundTo: 1 })).to.throw(
      '"attention" is an attention whose softmax is over these channels of k, and whose weights would change',
    );
  });
});
