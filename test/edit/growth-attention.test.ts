/** @file Growth and pruning through attention: what is exact, and what is refused, and why. */
import { expect } from 'chai';
import { mergeCopies, narrow, pruneChannels, verifyCertificate, widen } from '../../src/edit/index.ts';
import { useBackend } from '../../src/engine/index.ts';
import { type Graph, nodesById, type OpOf } from '../../src/graph/index.ts';
import { graph, input } from '../../src/index.ts';
import { float, materialize } from '../../src/weights/index.ts';
import { expectPreserved, expectSame } from '../support/growing.ts';
import { shaken } from '../support/nets.ts';

const x = () => input(4, 4, 3).pipe('stem', (y) => y.conv(8).norm().relu());
/** Two heads of 2 channels in q and k, and 3 in v; `shared`: of one k and one v. */
const tokens = (form: 'softmax' | 'linear' = 'softmax', shared = false, talking = false): Graph => {
  const from = x();
  const q = from.pipe('q', (y) => y.conv(4, { bias: true }).act('sigmoid'));
  const k = from.pipe('k', (y) => y.conv(shared ? 2 : 4).norm());
  const positive = form === 'linear' ? from.pipe('k', (y) => y.conv(shared ? 2 : 4).act('sigmoid')) : k;
  const v = from.pipe('v', (y) => y.conv(shared ? 3 : 6));
  const options = form === 'linear' ? { form, eps: 0.1 } : { bias: true, talking };
  const made = q.attention(positive, v, { heads: 2, ...options });
  return graph(
    'tokens',
    made
      .pipe('mix', (y) => y.conv(5).norm())
      .globalPool()
      .dense(3),
  );
};
const attentionOf = (g: Graph): OpOf<'attention'> => {
  const op = nodesById(g).get('attention')?.op;
  if (op?.kind !== 'attention') throw new Error('no attention');
  return op;
};

/** Of one score a place for each head; k and v have two channels a head. */
const separable = (heads: number): Graph => {
  const from = x();
  const [k, v] = (['k', 'v'] as const).map((name) =>
    from.pipe(name, (y) => y.conv(2 * heads, { bias: true }).act('sigmoid')),
  );
  if (!k || !v) throw new Error('no k and v');
  const made = from
    .pipe('scores', (y) => y.conv(heads))
    .attention(k, v, { heads, form: 'separable', grid: 2 });
  return graph(
    'separable',
    made
      .pipe('mix', (y) => y.conv(5).norm())
      .globalPool()
      .dense(3),
  );
};

describe('growth through attention', () => {
  before(() => useBackend('wasm'));

  for (const [words, net] of [
    ['softmax', shaken(tokens())],
    ['shared keys', shaken(tokens('softmax', true))],
    ['linear', shaken(tokens('linear'))],
  ] as const) {
    it(`${words}: channels of v are copied within heads, those of q and k by whole factors`, () => {
      const values = widen(net, { v: 'x2' });
      expectPreserved(net, values);
      expect(attentionOf(values.net.graph)).to.deep.equal(attentionOf(net.graph));
      const keys = widen(net, { q: 'x3' });
      expectPreserved(net, keys);
      const [before, now] = [attentionOf(net.graph), attentionOf(keys.net.graph)];
      if (before.form === 'linear') expect(now.eps).to.be.closeTo(3 * before.eps, 1e-12);
      else expect(now.scale).to.be.closeTo(before.scale / 3, 1e-12);
      expect(narrow(keys).weights.get('q/conv:kernel')?.shape).to.deep.equal([1, 1, 8, 4]);
    });
  }

  for (const heads of [1, 2])
    it(`separable, ${heads} heads: channels of k and v are copied together, and pruned together; the scores stay`, () => {
      const net = shaken(separable(heads));
      const wide = widen(net, { k: 'x2' });
      expectPreserved(net, wide);
      expect(narrow(wide).weights.get('v/conv:kernel')?.shape).to.deep.equal([1, 1, 8, 2 * heads]);
      expect(() => widen(net, { scores: 'x2' })).to.throw(
        'the attention "attention" weighs places by these scores',
      );
      const pruned = pruneChannels(net, { ratio: 0.5 }, { only: ['k'], roundTo: 1 });
      expectSame(pruned.masked(), pruned.net);
      expect(pruned.net.weights.get('v/conv:kernel')?.shape).to.deep.equal([1, 1, 8, heads]);
    });

  it('heads are copied as a whole, with their biases', () => {
    const net = shaken(tokens());
    const grown = widen(net, { v: 'x2' }, { byGroups: () => true });
    expectPreserved(net, grown);
    expect(attentionOf(grown.net.graph).heads).to.equal(4);
    expect(grown.net.weights.get('attention:bias')?.shape).to.deep.equal([4, 4, 4]);
    expect(mergeCopies(grown.net, { byGroups: () => true }).gone).to.equal(0);
  });

  it('talking heads are copied as a whole, and share what others read of them; they are pruned as masked', () => {
    const net = shaken(tokens('softmax', false, true));
    const grown = widen(net, { v: 'x2' }, { byGroups: () => true });
    expectPreserved(net, grown);
    const { heads, talking } = attentionOf(grown.net.graph);
    expect([heads, talking]).to.deep.equal([4, true]);
    expect(grown.net.weights.get('attention:kernel')?.shape).to.deep.equal([2, 4, 4]);
    expect(narrow(grown).weights.get('attention:kernel')).to.deep.equal(net.weights.get('attention:kernel'));
    for (const [slot, finding] of [
      ['kernel', 'the copies of a head do not sum to its weight for head 1'],
      ['beta', 'its beta is not that of the heads it copies'],
    ] as const) {
      const weights = new Map(grown.net.weights);
      const weight = weights.get(`attention:${slot}`);
      if (!weight) throw new Error('no weight');
      weights.set(
        `attention:${slot}`,
        float(
          weight.shape,
          materialize(weight).map((w, i) => (i === 1 ? w + 1 : w)),
        ),
      );
      expect(verifyCertificate(net, { ...grown.net, weights }, grown.maps)).to.deep.equal([
        `attention: ${finding}`,
      ]);
    }
    expectPreserved(net, widen(net, { q: 'x2', v: 'x2' }));
    const pruned = pruneChannels(net, { ratio: 0.5 }, { only: ['v'], roundTo: 1, byGroups: () => true });
    expectSame(pruned.masked(), pruned.net);
    expect(attentionOf(pruned.net.graph).heads).to.equal(1);
    const pairs = pruneChannels(net, { ratio: 0.5 }, { only: ['q'], roundTo: 1 });
    expectSame(pairs.masked(), pairs.net);
  });

  it('refuses other widths of q and k, and says which are possible', () => {
    expect(() => widen(shaken(tokens()), { q: 6 })).to.throw(
      'q: 6 of 4 channels; "attention" is an attention that multiplies these channels of q and k, and keeps its sums, at a smaller scale, only when every channel is copied equally often; the nearest widths are 4 (x1) and 8 (x2)',
    );
    expect(() => widen(shaken(tokens()), { v: 7 })).to.throw('do not divide evenly over its groups');
  });

  it('prunes pairs of q and k, channels of v within heads, and whole heads', () => {
    const net = shaken(tokens());
    const pairs = pruneChannels(net, { ratio: 0.5 }, { only: ['q'], roundTo: 1 });
    expectSame(pairs.masked(), pairs.net);
    expect(pairs.net.weights.get('k/conv:kernel')?.shape).to.deep.equal([1, 1, 8, 2]);
    const values = pruneChannels(net, { ratio: 0.34 }, { only: ['v'], roundTo: 1 });
    expectSame(values.masked(), values.net);
    expect(values.net.weights.get('v/conv:kernel')?.shape).to.deep.equal([1, 1, 8, 4]);
    const heads = pruneChannels(net, { ratio: 0.5 }, { only: ['v'], roundTo: 1, byGroups: () => true });
    expectSame(heads.masked(), heads.net);
    expect(attentionOf(heads.net.graph).heads).to.equal(1);
  });
});
