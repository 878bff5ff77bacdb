/** @file Single weights by magnitude, sensitivity of layers, least squares: closed forms and what they promise. */
import { expect } from 'chai';
import {
  channelSensitivity,
  kernelsNamed,
  leastSquares,
  pruneChannels,
  pruneToLatency,
  pruneWeights,
  ratiosWithin,
  type Sensitivity,
  sparsityOf,
  weightSensitivity,
} from '../../src/edit/index.ts';
import { Refusal, UsageError } from '../../src/errors.ts';
import { channelsOf, shapes } from '../../src/graph/index.ts';
import { cost, graph, init, input } from '../../src/index.ts';
import { float, materialize, type Net, type Weight, type WeightKey } from '../../src/weights/index.ts';
import { layer, made } from '../support/growing.ts';
import { noise, shaken, small } from '../support/nets.ts';
import { conv } from '../support/ops.ts';

const kernel = (net: Net, key: WeightKey): number[] => [...materialize(net.weights.get(key) as Weight)];
/** Two dense layers with known kernels. */
const known = (): Net => {
  const g = graph(
    'known',
    input(2)
      .pipe('first', (x) => x.dense(2))
      .pipe('second', (x) => x.dense(3)),
  );
  const { weights } = init(g);
  return {
    graph: g,
    weights: new Map(weights)
      .set('first/dense:kernel', float([2, 2], Float32Array.of(4, -3, 2, 1)))
      .set('second/dense:kernel', float([2, 3], Float32Array.of(-0.6, 0.5, 0.4, 0.3, -0.2, 0.1))),
  };
};

describe('weight pruning', () => {
  it('leaves the largest magnitudes of each kernel, and the exact share of zeros', () => {
    const net = pruneWeights(known(), 0.5);
    expect(kernel(net, 'first/dense:kernel')).to.deep.equal([4, -3, 0, 0]);
    expect(kernel(net, 'second/dense:kernel').map((w) => w !== 0)).to.deep.equal([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
    expect(sparsityOf(net)).to.equal(0.5);
    expect(sparsityOf(known())).to.equal(0);
  });
  it('globally leaves the largest of all', () => {
    const net = pruneWeights(known(), 0.6, { scope: 'global' });
    expect(kernel(net, 'first/dense:kernel')).to.deep.equal([4, -3, 2, 1]);
    expect(kernel(net, 'second/dense:kernel').filter((w) => w)).to.have.length(0);
  });
  it('of equal magnitudes takes as many as asked, the first ones', () => {
    const even = {
      ...known(),
      weights: new Map(known().weights).set(
        'first/dense:kernel',
        float([2, 2], Float32Array.of(1, -1, 1, 1)),
      ),
    };
    expect(kernel(pruneWeights(even, 0.5), 'first/dense:kernel')).to.deep.equal([0, 0, 1, 1]);
  });
  it('changes only what it is told to, and nothing but kernels', () => {
    const net = shaken(small('wrn', 16));
    const pruned = pruneWeights(net, 0.9, { only: ['stage*/**'], except: ['stage2/0/first/conv'] });
    for (const [key, w] of net.weights) {
      const chosen = /^stage.*:kernel$/.test(key) && key !== 'stage2/0/first/conv:kernel';
      const zeros = materialize(pruned.weights.get(key) as Weight).filter((v) => v === 0).length;
      if (chosen) expect(zeros, key).to.equal(Math.round(0.9 * materialize(w).length));
      else expect(pruned.weights.get(key), key).to.equal(w);
    }
  });
  it('nothing to prune changes nothing', () => {
    const net = known();
    for (const key of kernelsNamed(net))
      expect(kernel(pruneWeights(net, 0), key)).to.deep.equal(kernel(net, key));
  });
  it('says what cannot be done', () => {
    expect(() => pruneWeights(known(), 1)).to.throw(
      UsageError,
      'pruneWeights: the sparsity must be a share from 0 up and below 1, got 1',
    );
    expect(() => pruneWeights(known(), 0.5, { only: ['frst'] })).to.throw(
      UsageError,
      'known: no kernel at "frst". Did you mean "first"?',
    );
    const bare = init(graph('bare', input(2).norm()));
    expect(() => pruneWeights(bare, 0.5)).to.throw(
      Refusal,
      'bare: the options "only" and "except" leave no kernel to prune',
    );
  });
});

describe('sensitivity', () => {
  const net = shaken(made((x) => layer(layer(x, 'first', 8), 'second', 8)));
  // a measure that counts what is left: no data, and each layer alone is seen
  const left = async (n: Net): Promise<number> => cost(n.graph).params / cost(net.graph).params;

  it('of channels prunes each layer alone', async () => {
    const found = await channelSensitivity(net, left, { ratios: [0.25, 0.5] });
    expect(found.base).to.equal(1);
    expect([...found.layers.keys()]).to.deep.equal(['first', 'second']);
    const alone = await left(pruneChannels(net, { ratio: 0.5 }, { only: ['second'] }).net);
    expect(found.layers.get('second')?.[1]).to.equal(alone);
  });
  it('of weights prunes each kernel alone', async () => {
    const zeros = async (n: Net): Promise<number> => 1 - sparsityOf(n, ['first/conv:kernel']);
    const found = await weightSensitivity(net, zeros, { ratios: [0.5] });
    expect([...found.layers]).to.deep.equal([
      ['first/conv', [0.5]],
      ['second/conv', [1]],
      ['dense', [1]],
    ]);
  });
  it('gives the largest ratios within a drop, which pruning takes', () => {
    const found: Sensitivity = {
      base: 0.9,
      ratios: [0.25, 0.5, 0.75],
      layers: new Map([
        ['first', [0.9, 0.89, 0.5]],
        ['second', [0.85, 0.9, 0.9]],
      ]),
    };
    const ratios = ratiosWithin(found, 0.02);
    expect(ratios).to.deep.equal({ first: 0.5, second: 0 });
    const pruned = pruneChannels(net, { ratios });
    const widths = shapes(pruned.net.graph);
    expect(['first/conv', 'second/conv'].map((id) => channelsOf(widths.get(id) as never))).to.deep.equal([
      4, 8,
    ]);
    expect(() => pruneChannels(net, { ratios: { frist: 0.5 } })).to.throw(
      UsageError,
      'Did you mean "first"?',
    );
    expect(() => pruneChannels(net, { ratios: { first: 1 } })).to.throw(
      UsageError,
      'prune: ratios of "first" must be a share from 0 up and below 1, got 1',
    );
    expect(() => pruneChannels(net, { ratios: { first: 0.01 } })).to.throw(
      Refusal,
      'made: no layer can lose a share near its ratio; choose a larger ratio',
    );
  });
  it('refuses ratios that are none', async () => {
    let said = '';
    try {
      await channelSensitivity(net, left, { ratios: [1.5] });
    } catch (e) {
      said = (e as Error).message;
    }
    expect(said).to.equal('channelSensitivity: ratios[0] must be a share above 0 and below 1, got 1.5');
  });
});

describe('a budget of time', () => {
  const net = shaken(made((x) => layer(layer(x, 'first', 8), 'second', 8)));
  const time = async (n: Net): Promise<number> => cost(n.graph).macs / 1000;
  it('is met by the fewest channels', async () => {
    const budget = (await time(net)) / 2;
    const pruned = await pruneToLatency(net, budget, time);
    const same = pruneChannels(net, { macs: budget * 1000 });
    expect(cost(pruned.net.graph).macs).to.equal(cost(same.net.graph).macs);
  });
  it('that cannot be met is refused with the least that can', async () => {
    let said = '';
    try {
      await pruneToLatency(net, 0.001, time);
    } catch (e) {
      said = (e as Error).message;
    }
    expect(said).to.match(
      /^made: the measured time cannot come down to 0.001 by pruning; the least that can be reached is [\d.]+$/,
    );
  });
});

describe('least squares', () => {
  it('find the weights that made the values, strides, padding, groups and bias included', () => {
    const op = conv({ out: 4, stride: [2, 1], groups: 2, bias: true });
    const n = 6;
    const [h, w, c] = [5, 4, 4];
    const inputs = noise(n * h * w * c, 'least squares');
    const truth = noise(3 * 3 * 2 * 4, 'truth');
    const bias = noise(4, 'bias');
    // straight from the definition of a conv: 5 rows at stride 2 are padded by 1 above, 4 columns by 1 left
    const wanted = (e: number, place: number, j: number): number => {
      const [oy, ox, group] = [Math.floor(place / 4), place % 4, Math.floor(j / 2)];
      let sum = bias[j] as number;
      for (let ky = 0; ky < 3; ky++)
        for (let kx = 0; kx < 3; kx++)
          for (let i = 0; i < 2; i++) {
            const [y, x] = [oy * 2 + ky - 1, ox + kx - 1];
            if (y < 0 || y >= h || x < 0 || x >= w) continue;
            const value = inputs[((e * h + y) * w + x) * c + group * 2 + i] as number;
            sum += value * (truth[((ky * 3 + kx) * 2 + i) * 4 + j] as number);
          }
      return sum;
    };
    const at = Array.from({ length: n * 12 }, (_, i) => [Math.floor(i / 12), i % 12] as const);
    const start = {
      op,
      kernel: new Float32Array(72),
      bias: new Float32Array(4),
      inputShape: [h, w, c] as const,
      inputs,
      wanted,
      at,
    };
    const fit = leastSquares({ ...start, ridge: 1e-9 });
    fit.kernel.forEach((v, i) => {
      expect(v).to.be.closeTo(truth[i] as number, 1e-4);
    });
    fit.bias?.forEach((v, i) => {
      expect(v).to.be.closeTo(bias[i] as number, 1e-4);
    });
    expect(fit.after).to.be.below(1e-8 * fit.before);
    // however strongly the old weights are held to, the error never rises
    for (const ridge of [1e-3, 1, 1e3]) {
      const held = leastSquares({ ...start, ridge });
      expect(held.after).to.be.below(held.before);
    }
  });
});
