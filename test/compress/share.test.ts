/** @file Shared weights: k-means, hashed and circulant kernels, and training in which members move as one. */

import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { keepShared, quantizedForm } from '../../src/compress/index.ts';
import { kMeans } from '../../src/edit/index.ts';
import { circulate, graph, hashWeights, input, Refusal, shareWeights, UsageError } from '../../src/index.ts';
import { keepZeros } from '../../src/learn/structure/index.ts';
import type { Scale } from '../../src/learn/task/index.ts';
import { type Form, fit, inTurn, sgd } from '../../src/learn/train/index.ts';
import { random } from '../../src/random.ts';
import {
  bytesOf,
  type FloatWeight,
  float,
  init,
  materialize,
  type Net,
  type Weight,
  type WeightKey,
} from '../../src/weights/index.ts';
import { messageOf } from '../support/errors.ts';
import { noise } from '../support/nets.ts';
import { fc } from '../support/property.ts';
import { leakless, useCpu } from '../support/tensors.ts';

const g = graph(
  'small',
  input(4, 4, 4)
    .pipe('stem', (x) => x.conv(8, { kernel: 3 }).norm().relu())
    .pipe('head', (x) => x.globalPool().dense(2)),
);
const key: WeightKey = 'stem/conv:kernel';
const kernel = (net: Net): Float32Array => materialize(net.weights.get(key) as Weight);
const thin = (net: Net): Net => {
  const w = net.weights.get(key) as FloatWeight;
  return {
    ...net,
    weights: new Map(net.weights).set(
      key,
      float(
        w.shape,
        w.data.map((v) => (Math.abs(v) < 0.1 ? 0 : v)),
      ),
    ),
  };
};
const scale: Scale = { shape: [4, 4, 4], mean: 0.5, std: 0.3 };
const source = random('share');
const train = {
  count: 32,
  pixels: Uint8Array.from({ length: 32 * 64 }, () => source.below(256)),
  labels: Uint8Array.from({ length: 32 }, (_, i) => i % 2),
};

describe('k-means of numbers', () => {
  it('never gets worse from round to round, and ends with the means of its clusters', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom('linear', 'density'),
        (seed, k, start) => {
          const values = noise(200, 'k', seed);
          const { centroids, inertia } = kMeans(values, k, start);
          expect(centroids.length).to.be.at.most(k);
          inertia.forEach((v, i) => {
            if (i) expect(v).to.be.at.most((inertia[i - 1] as number) + 1e-9);
          });
          // by the definition: nearest centroid, squared distance
          const nearest = Float64Array.from(values, (v) =>
            Math.min(...[...centroids].map((c) => (c - v) ** 2)),
          );
          expect(nearest.reduce((a, b) => a + b, 0)).to.be.closeTo(inertia.at(-1) as number, 1e-4);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('has all its clusters, whatever lies far away: one that loses its members parts another', () => {
    const values = noise(216, 'spread', 1);
    const without = { linear: kMeans(values, 16, 'linear'), density: kMeans(values, 15, 'density') };
    for (const far of [5, 50, 1e6])
      for (const start of ['linear', 'density'] as const) {
        const { centroids, inertia } = kMeans(Float32Array.of(...values, far), 16, start);
        expect(centroids).to.have.length(16);
        expect(centroids[15]).to.equal(far);
        // one cluster is gone to the value far away; two were left for all others before
        expect(inertia.at(-1)).to.be.below(2 * (without[start].inertia.at(-1) as number));
      }
    // neighbouring floats, whose mean is one of them
    const near = Float32Array.of(1, 1 + 2 ** -23, 1, 7, 7.5, 9);
    expect(kMeans(near, 4, 'linear').centroids).to.have.length(4);
  });

  it('with as many clusters as values is exact (law 5), and finds clusters that are there', () => {
    const values = Float32Array.of(3, 1, 2, 3, 1);
    expect([...kMeans(values, 3).centroids]).to.deep.equal([1, 2, 3]);
    expect([...kMeans(values, 9).centroids]).to.deep.equal([1, 2, 3]);
    const groups = Float32Array.of(0, 0.1, 0.2, 5, 5.1, 5.2, 9.9, 10, 10.1);
    const expected = [0.1, 5.1, 10];
    for (const start of ['linear', 'density'] as const)
      [...kMeans(groups, 3, start).centroids].forEach((c, j) => {
        expect(c).to.be.closeTo(expected[j] as number, 1e-6);
      });
  });
});

describe('sharing', () => {
  it('leaves at most k values, sparse ones sparse, and takes log2 k bits a weight', () => {
    const net = init(g);
    const shared = shareWeights(net, { clusters: 8 });
    expect(new Set(kernel(shared)).size).to.be.at.most(8);
    const w = shared.weights.get(key) as Weight;
    expect(w.encoding).to.equal('codebook');
    expect(bytesOf({ ...shared, weights: new Map([[key, w]]) })).to.equal((288 * 3) / 8 + 8 * 4);
    const sparse = shareWeights(thin(net), { clusters: 8 });
    expect(sparse.weights.get(key)?.encoding).to.equal('sparse');
    kernel(sparse).forEach((v, p) => {
      expect(v === 0).to.equal(kernel(thin(net))[p] === 0);
    });
    expect(new Set(kernel(sparse).filter((v) => v !== 0)).size).to.be.at.most(8);
  });

  it('is chosen by path', () => {
    const shared = shareWeights(init(g), { clusters: 4, only: ['head'] });
    expect(shared.weights.get(key)?.encoding).to.equal('float32');
    expect(shared.weights.get('head/dense:kernel')?.encoding).to.equal('codebook');
  });

  it('by hashes and circulants stores the share that is asked for', () => {
    const net = init(g);
    const h = hashWeights(net, { share: 0.25, seed: 5 }).weights.get(key) as Weight & { data: Float32Array };
    expect([h.encoding, h.data.length]).to.deep.equal(['hashed', 72]);
    const c = circulate(net, { block: 4 });
    expect(c.weights.get(key)?.encoding).to.equal('circulant');
    expect(c.weights.get('head/dense:kernel')?.encoding).to.equal('float32'); // 8 x 2
  });

  it('refuses what is out of range', () => {
    const net = init(g);
    expect(messageOf(() => shareWeights(net, { clusters: 1 }), UsageError)).to.equal(
      'shareWeights: clusters must be a whole number from 2 to 256, got 1',
    );
    expect(messageOf(() => hashWeights(net, { share: 0 }), UsageError)).to.equal(
      'hashWeights: share must be a share above 0 and at most 1, got 0',
    );
    const line = (run: () => unknown): string => messageOf(run, Refusal);
    expect(line(() => circulate(net, { block: 7 }))).to.equal(
      'circulate: blocks of 7 divide the channels of no kernel; choose a block that divides them',
    );
    expect(messageOf(() => keepShared(net))).to.equal(
      'small: has no shared weight; call shareWeights, hashWeights or circulate first, or train without this form',
    );
  });
});

describe('training shared weights', () => {
  before(useCpu);
  const nets: Readonly<Record<string, () => Net>> = {
    codebook: () => shareWeights(init(g), { clusters: 6 }),
    'sparse codebook': () => shareWeights(thin(init(g)), { clusters: 6 }),
    hashed: () => hashWeights(init(g), { share: 0.2, seed: 1 }),
    circulant: () => circulate(init(g), { block: 4 }),
  };
  for (const [name, make] of Object.entries(nets)) {
    it(`of ${name}: the net sees them, and a number's gradient is the sum over its members`, async () => {
      const net = make();
      const form = keepShared(net);
      const values = kernel(net);
      const dy = noise(288, 'dy');
      const { seen, gradient } = await leakless(() =>
        tf.tidy(() => {
          const w = tf.tensor(values, [3, 3, 4, 8]);
          const f = (t: tf.Tensor): tf.Scalar =>
            tf.sum(
              tf.mul(
                form.through(key, t, () => t),
                tf.tensor(dy, [3, 3, 4, 8]),
              ),
            );
          return {
            seen: [...form.through(key, w, () => w).dataSync()],
            gradient: [...tf.grad(f)(w).dataSync()],
          };
        }),
      );
      seen.forEach((v, p) => {
        expect(v).to.be.closeTo(values[p] as number, 1e-6);
      });
      // by hand: members share |value|; their signs say how they count
      const sums = new Map<number, number>();
      const group = (p: number): number => Math.abs(values[p] as number);
      const signed = name === 'hashed';
      const id = (p: number): number => (signed ? group(p) : (values[p] as number));
      const sign = (p: number): number => (signed ? Math.sign(values[p] as number) : 1);
      values.forEach((v, p) => {
        if (v !== 0) sums.set(id(p), (sums.get(id(p)) ?? 0) + sign(p) * (dy[p] as number));
      });
      values.forEach((v, p) => {
        const wanted = v === 0 ? 0 : sign(p) * (sums.get(id(p)) as number);
        expect(gradient[p]).to.be.closeTo(wanted, 1e-3);
      });
    });

    it(`of ${name}: what comes out is shared as before, and other numbers`, async () => {
      const net = make();
      const { net: after } = await fit(net, train, scale, {
        steps: 3,
        batch: 16,
        rate: 0.01,
        optimizer: sgd({ momentum: 0 }),
        form: keepShared(net),
      });
      const [was, now] = [net.weights.get(key) as Weight, after.weights.get(key) as Weight];
      expect(now.encoding).to.equal(was.encoding);
      expect(bytesOf(after)).to.equal(bytesOf(net));
      const partners = (values: Float32Array): number[] => [...values].map((v) => [...values].indexOf(v));
      expect(partners(materialize(now).map(Math.abs))).to.deep.equal(
        partners(materialize(was).map(Math.abs)),
      );
      expect([...materialize(now)]).not.to.deep.equal([...materialize(was)]);
    });
  }
});

describe('training quantized weights', () => {
  const o = { steps: 3, batch: 16, rate: 0.05, optimizer: sgd({ momentum: 0 }) };
  const trained = async (form: Form, start = init(g)): Promise<Net> =>
    (await fit(start, train, scale, { ...o, form })).net;

  for (const [kind, bits, most, encoding] of [
    ['integers', 8, 255, 'quantized'],
    ['integers', 3, 7, 'quantized'],
    ['ternary', 2, 3, 'ternary'],
    ['trained-ternary', 2, 3, 'ternary'],
    ['binary', 2, 2, 'binary'],
  ] as const) {
    it(`as ${kind} of ${bits} bits: what the net sees is what comes out, and its loss falls`, async () => {
      const start = init(g);
      const form = quantizedForm(start, { kind, bits, except: ['head'] });
      const still = (await fit(start, train, scale, { ...o, rate: 0, steps: 1, form })).net;
      const before = await fit(still, train, scale, { ...o, rate: 0, steps: 1 });
      const seen = await fit(start, train, scale, { ...o, rate: 0, steps: 1, form });
      expect(seen.history.loss[0]).to.be.closeTo(before.history.loss[0] as number, 1e-5);
      const { net, history } = await fit(start, train, scale, { ...o, steps: 40, rate: 0.1, form });
      expect(history.loss.slice(-4).reduce((a, b) => a + b) / 4).to.be.below(
        history.loss.slice(0, 4).reduce((a, b) => a + b) / 4,
      );
      expect(net.weights.get(key)?.encoding).to.equal(encoding);
      expect(net.weights.get('head/dense:kernel')?.encoding).to.equal('float32');
      const channel = kernel(net).filter((_, p) => p % 8 === 3);
      expect(new Set(channel).size).to.be.at.most(most);
      // the float weights behind it have moved: another kernel comes out than went in
      expect([...kernel(net)]).not.to.deep.equal([...kernel(still)]);
    });
  }

  it('has gradients straight through, but not where codes are clipped', async () => {
    await useCpu();
    const w = float([2, 1], Float32Array.of(1, 0.2));
    const net: Net = {
      graph: graph('one', input(2).dense(1, { bias: false })),
      weights: new Map([['dense:kernel', w]]),
    };
    const form = quantizedForm(net, { bits: 8 }); // scale 1/127
    const run = (t: tf.Tensor): tf.Scalar =>
      tf.sum(
        tf.mul(
          form.through('dense:kernel', t, () => t),
          tf.tensor2d([[2], [3]]),
        ),
      );
    const gradient = tf.tidy(() => [
      ...tf
        .grad(run)(tf.tensor2d([[1.5], [0.1]]))
        .dataSync(),
    ]);
    expect(gradient).to.deep.equal([0, 3]);
  });

  it('of trained scales has the gradients of the paper', async () => {
    await useCpu();
    const w = float([4, 1], Float32Array.of(1, -0.8, 0.01, 0.5)); // threshold 0.05
    const net: Net = {
      graph: graph('one', input(4).dense(1, { bias: false })),
      weights: new Map([['dense:kernel', w]]),
    };
    const form = quantizedForm(net, { kind: 'trained-ternary' });
    expect([...(form.parameters ?? [])].map(([, p]) => p.data[0])).to.deep.equal([0.75, Math.fround(0.8)]);
    const dy = tf.tensor2d([[2], [3], [5], [7]]);
    const run = (t: tf.Tensor, p: tf.Tensor, n: tf.Tensor): tf.Scalar => {
      const seen = form.through('dense:kernel', t, (name) => (name.endsWith('positive') ? p : n));
      return tf.sum(tf.mul(seen, dy));
    };
    const [dw, dp, dn] = tf.tidy(() =>
      tf
        .grads(run as never)([tf.tensor2d(w.data, [4, 1]), tf.tensor1d([10]), tf.tensor1d([20])])
        .map((t) => [...t.dataSync()]),
    );
    expect(dw).to.deep.equal([20, 60, 5, 70]); // P g on I+, N g on I-, g elsewhere
    expect([dp, dn]).to.deep.equal([[4.5], [-1.5]]); // 2 + 7 and -3, divided by sqrt(4)
  });

  it('keeps zeros with another form before it', async () => {
    const start = thin(init(g));
    const net = await trained(inTurn(keepZeros(start), quantizedForm(start, { bits: 4 })), start);
    kernel(start).forEach((v, p) => {
      if (v === 0) expect(kernel(net)[p]).to.equal(0);
    });
    expect(net.weights.get(key)?.encoding).to.equal('quantized');
  });
});
