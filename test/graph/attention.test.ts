import { expect } from 'chai';
import { graph, input } from '../../src/compose/index.ts';
import { cost } from '../../src/read/index.ts';
import { fromJson } from '../../src/graph/json.ts';
import { toJson } from '../../src/graph/index.ts';

describe('attention', () => {
  const tokens = (heads: number) => {
    const x = input(4, 6, 8);
    return graph('net', x.conv(12).attention(x.conv(12), x.conv(6), { heads, bias: true, windows: 2 }));
  };
  it('counts products of each window, and a bias for each distance', () => {
    const { layers } = cost(tokens(3));
    const { params, macs, shape } = layers.at(-1)!;
    expect([params, macs, shape]).to.deep.equal([2 * 2 * 3, 3 * 24 * 4 * (4 + 2), [4, 6, 6]]);
    expect(fromJson(toJson(tokens(3)))).to.deep.equal(tokens(3));
  });
  it('counts the mixes of talking heads at each pair of places', () => {
    const x = input(4, 6, 8);
    const q = x.maxPool({ size: 2 }).conv(12);
    const g = graph('net', q.attention(x.conv(12), x.conv(6), { heads: 3, bias: true, talking: true }));
    const { params, macs } = cost(g).layers.at(-1)!;
    const pairs = 6 * 24;
    expect(params).to.equal(2 * (3 * 3 + 3) + 24 * 3);
    expect(macs).to.equal(3 * pairs * (4 + 2) + 2 * 3 * 3 * pairs);
    expect(fromJson(toJson(g))).to.deep.equal(g);
    for (const o of [{ windows: 2 }, { form: 'linear' }, { form: 'covariance' }] as const)
      expect(() => x.attention(x, x, { heads: 2, talking: true, ...o })).to.throw(
        "talking heads need the form 'softmax' over the whole map",
      );
  });
  it('refuses what does not fit, and says why', () => {
    expect(() => tokens(5)).to.throw(
      'attention([4, 6, 12], [4, 6, 12], [4, 6, 6]): 12 channels of q do not divide into 5 heads',
    );
    const x = input(4, 6, 8);
    expect(() => x.attention(x, x, { heads: 2, windows: 4 })).to.throw(
      'windows of 4x4 need q and k of one height and width, both multiples of it; pad or resize the map first',
    );
    expect(() => x.attention(x.conv(3), x, { heads: 2 })).to.throw(
      'k must have the 8 channels of q, or 4 that all heads share, got 3',
    );
    expect(() => x.attention(x, x, { heads: 2, form: 'linear', bias: true })).to.throw(
      "the form 'linear' takes no scale, bias or windows",
    );
    expect(() => x.attention(x, x, { heads: 2, form: 'separable' })).to.throw(
      'q must have one channel for each of 2 heads, got 8',
    );
    expect(() => x.conv(2).attention(x, x.conv(4), { heads: 2, form: 'separable' })).to.throw(
      'k and v must have equal channels, got 8 and 4',
    );
  });
});

describe('attention over channels, and positions', () => {
  const x = input(4, 6, 8);
  it('count a product of channels by channels for each head, one gamma a head, and a projection at every place', () => {
    const net = graph(
      'net',
      x.positions().attention(x.conv(12), x.conv(12), { heads: 2, form: 'covariance' }),
    );
    const { layers } = cost(net);
    const { params, macs, shape } = layers.at(-1)!;
    expect([params, macs, shape]).to.deep.equal([2, 2 * (4 * 6) * 24 * 2, [4, 6, 8]]);
    const placed = layers.find(({ kind }) => kind === 'positions');
    expect([placed?.params, placed?.macs]).to.deep.equal([64 * 8 + 8, 24 * 64 * 8]);
    expect(fromJson(toJson(net))).to.deep.equal(net);
  });
  it('refuse what does not fit, and say why', () => {
    const form = 'covariance';
    expect(() => x.attention(x.conv(6), x.conv(4), { heads: 2, form })).to.throw(
      'k and v must have equal channels, got 6 and 4',
    );
    expect(() => x.attention(x.conv(5), x.conv(5), { heads: 2, form })).to.throw(
      '5 channels of k do not divide into 2 heads',
    );
    expect(() => x.attention(x, x, { heads: 2, form, windows: 2 })).to.throw(
      "the form 'covariance' takes no scale, bias or windows",
    );
    expect(() => x.maxPool({ size: 2 }).attention(x, x, { heads: 2, form })).to.throw(
      'q, k and v must have one height and width',
    );
    expect(() => x.positions({ features: 6 })).to.throw('features must be a multiple of 4, got 6');
    expect(() => x.positions({ temperature: 0 })).to.throw('temperature must be a number above 0, got 0');
  });
});
