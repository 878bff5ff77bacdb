/** @file First weights: their statistics, and that each belongs to its path alone. */
import { expect } from 'chai';
import { graph, input } from '../../src/compose/index.ts';
import type { Graph } from '../../src/graph/index.ts';
import { permutation, random } from '../../src/random.ts';
import { cost } from '../../src/read/index.ts';
import { bytesOf, init, materialize, type Net, type WeightKey } from '../../src/weights/index.ts';
import { indicesIn, lightZoo } from '../support/nets.ts';

const at = ({ weights }: Net, key: WeightKey): Float32Array => {
  const weight = weights.get(key);
  return weight ? materialize(weight) : new Float32Array();
};
const mean = (x: Float32Array): number => x.reduce((a, b) => a + b, 0) / x.length;
const deviation = (x: Float32Array): number => {
  const center = mean(x);
  return Math.sqrt(x.reduce((a, b) => a + (b - center) ** 2, 0) / x.length);
};

const net = graph(
  'g',
  input(8, 8, 16)
    .conv(64, { kernel: 3, bias: true })
    .norm()
    .pipe('grouped', (x) => x.conv(128, { kernel: 3, groups: 4 }))
    .pipe('depthwise', (x) => x.depthwise({ multiplier: 8 }))
    .globalPool()
    .dense(40),
);

describe('init', () => {
  it('draws conv kernels with variance 2 / (kh kw out / groups): He, fan-out', () => {
    const fresh = init(net, { seed: 3 });
    // four standard errors of a deviation over n values: 4 / sqrt(2 n)
    const cases = [
      ['conv:kernel', 9 * 64],
      ['grouped/conv:kernel', (9 * 128) / 4],
      ['depthwise/conv:kernel', 9 * 8],
    ] as const;
    for (const [key, fan] of cases) {
      const data = at(fresh, key);
      const tolerance = 4 / Math.sqrt(2 * data.length);
      expect(deviation(data) / Math.sqrt(2 / fan), key).to.be.within(1 - tolerance, 1 + tolerance);
      expect(Math.abs(mean(data))).to.be.below((4 * Math.sqrt(2 / fan)) / Math.sqrt(data.length));
    }
  });

  it('draws by fan-in when asked: 2 / (kh kw in / groups)', () => {
    const data = at(init(net, { conv: 'heFanIn' }), 'grouped/conv:kernel');
    expect(deviation(data) / Math.sqrt(2 / ((9 * 64) / 4))).to.be.within(0.97, 1.03);
  });

  it('draws dense kernels uniformly within sqrt(6 / (in + out)): Glorot', () => {
    const data = at(init(net), 'dense:kernel');
    const limit = Math.sqrt(6 / (1024 + 40));
    expect(Math.max(...data.map(Math.abs))).to.be.within(0.99 * limit, limit);
    expect(deviation(data) / (limit / Math.sqrt(3))).to.be.within(0.98, 1.02);
  });

  it('begins norms as the identity and biases at zero, and kernels too when asked', () => {
    const fresh = init(net, { conv: 'zeros', dense: 'zeros' });
    for (const [key, { data }] of fresh.weights) {
      const one = key.endsWith(':gamma') || key.endsWith(':variance');
      expect([...new Set(data)], key).to.deep.equal([one ? 1 : 0]);
    }
  });

  it('gives the same bytes for the same seed, and other ones for another', () => {
    const [a, b, c] = [init(net, { seed: 5 }), init(net, { seed: 5 }), init(net, { seed: 6 })];
    expect([...a.weights]).to.deep.equal([...b.weights]);
    for (const key of ['conv:kernel', 'dense:kernel'] as const)
      expect(at(a, key)).not.to.deep.equal(at(c, key));
  });

  it('keys each weight by its path: another node changes no other weight', () => {
    const build = (more: boolean): Graph =>
      graph(
        'g',
        input(8, 8, 4)
          .pipe('a', (x) => x.conv(8, { kernel: 3 }))
          .pipe('more', (x) => (more ? x.conv(8).norm() : x))
          .pipe('b', (x) => x.conv(8, { kernel: 3 })),
      );
    const [without, withMore] = [init(build(false)), init(build(true))];
    for (const [key, weight] of without.weights) expect(withMore.weights.get(key), key).to.deep.equal(weight);
    expect(at(without, 'a/conv:kernel')).not.to.deep.equal(at(without, 'b/conv:kernel').slice(0, 9 * 4 * 8));
  });

  it('makes what the graph needs, no more: parameters and statistics, for every architecture', () => {
    for (const g of lightZoo()) {
      const { params, normStats } = cost(g);
      const stored = params + normStats - indicesIn(g);
      expect(bytesOf(init(g, { conv: 'zeros', dense: 'zeros' })), g.name).to.equal(4 * stored);
    }
  });
});

describe('random', () => {
  const take = (n: number, ...keys: (string | number)[]): number[] => {
    const source = random(...keys);
    return Array.from({ length: n }, () => source.uniform());
  };

  it('is the same stream for the same keys, on every machine', () => {
    expect(take(3, 'init', 0, 'a')).to.deep.equal(take(3, 'init', 0, 'a'));
    // these are the numbers that the shipped weights began from: they never change
    expect(
      Array.from(
        { length: 3 },
        (
          (s) => () =>
            s.below(1_000_000)
        )(random('moonlet', 1)),
      ),
    ).to.deep.equal([834192, 117112, 265541]);
  });

  it('is another stream for other keys, and for keys joined otherwise', () => {
    const streams = [['a', 'b'], ['ab'], ['a', 'b', ''], ['b', 'a'], ['a', 1], ['a', 2]].map((keys) =>
      take(2, ...keys).join(),
    );
    expect(new Set(streams).size).to.equal(streams.length);
  });

  it('is uniform and normal: moments within four standard errors', () => {
    const n = 20_000;
    const source = random('moments');
    const u = Float32Array.from({ length: n }, source.uniform);
    expect(Math.abs(mean(u) - 0.5)).to.be.below(4 / Math.sqrt(12 * n));
    expect(u.every((x) => x >= 0 && x < 1)).to.equal(true);
    const z = Float32Array.from({ length: n }, source.normal);
    expect(Math.abs(mean(z))).to.be.below(4 / Math.sqrt(n));
    expect(Math.abs(deviation(z) - 1)).to.be.below(4 / Math.sqrt(2 * n));
    expect(z.every(Number.isFinite)).to.equal(true);
  });

  it('below(n) reaches every number below n, and no other', () => {
    const source = random('below');
    const seen = new Set(Array.from({ length: 500 }, () => source.below(7)));
    expect([...seen].sort()).to.deep.equal([0, 1, 2, 3, 4, 5, 6]);
  });

  it('permutation orders every number once, in another order for another stream', () => {
    const order = permutation(100, random('order', 1));
    expect([...order].sort((a, b) => a - b)).to.deep.equal(Array.from({ length: 100 }, (_, i) => i));
    expect([...permutation(100, random('order', 2))]).not.to.deep.equal([...order]);
    expect([...permutation(0, random('order'))]).to.deep.equal([]);
  });
});
