/** @file Factorization: errors are the discarded energy, full rank is the original, ranks are found, budgets are met. */

import { expect } from 'chai';
import { cp, discarded, rankByEnergy, rankByVbmf, splitConv, svd } from '../../src/edit/factorize/index.ts';
import type { FactorizeOptions } from '../../src/edit/index.ts';
import type { Conv } from '../../src/graph/index.ts';
import { cost, factorize, type Graph, graph, input, Refusal, UsageError } from '../../src/index.ts';
import { random } from '../../src/random.ts';
import { float, init, materialize, type Net, type Weight } from '../../src/weights/index.ts';
import { calibrated } from '../support/calibrated.ts';
import { messageOf } from '../support/errors.ts';
import { examples, largestDifference, noise, shaken, sizeOf, small } from '../support/nets.ts';
import { conv } from '../support/ops.ts';
import { fc } from '../support/property.ts';
import { runCompiled } from '../support/run.ts';

const squares = (x: Float32Array): number => x.reduce((sum, v) => sum + v * v, 0);
const kernelOf = (net: Net, id: string): Float32Array =>
  materialize(net.weights.get(`${id}:kernel`) as Weight);
const full = { rank: 10_000 } as const;

/** What a net of one conv does to single ones: its kernel, whatever it is made of. */
async function response(net: Net, side: number, channels: number, out: number): Promise<Float32Array> {
  const middle = (side - 1) / 2;
  const kernels: number[] = [];
  for (let i = 0; i < channels; i++) {
    const x = new Float32Array(side * side * channels);
    x[(middle * side + middle) * channels + i] = 1;
    kernels.push(...(await runCompiled(net, x)));
  }
  expect(kernels.length).to.equal(channels * side * side * out);
  return Float32Array.from(kernels);
}
const oneConv = (kernel: number, channels: number, out: number): Graph =>
  graph(
    'one',
    input(2 * kernel - 1, 2 * kernel - 1, channels).pipe('a', (x) => x.conv(out, { kernel })),
  );

describe('the singular value decomposition', () => {
  it('gives the matrix back, and its error at a rank is the discarded energy', () => {
    const sizes = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.nat());
    fc.assert(
      fc.property(sizes, ([rows, columns, seed]) => {
        const w = noise(rows * columns, 'm', seed);
        const m = svd(rows, columns, (i, j) => w[i * columns + j] as number);
        for (let rank = 0; rank <= m.values.length; rank++) {
          let error = 0;
          for (let i = 0; i < rows; i++)
            for (let j = 0; j < columns; j++) {
              let v = 0;
              for (let k = 0; k < rank; k++) v += m.left(i, k) * (m.values[k] as number) * m.right(j, k);
              error += (v - (w[i * columns + j] as number)) ** 2;
            }
          expect(error).to.be.closeTo(discarded(m.values, rank), 1e-9 * squares(w) + 1e-12);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('has the least rank that keeps a share of the energy', () => {
    const values = Float64Array.of(3, 2, 1, 1); // squares 9, 4, 1, 1 of 15
    expect(
      [1, 0.95, 14 / 15, 13 / 15, 0.7, 0.6, 0.1].map((share) => rankByEnergy(values, share)),
    ).to.deep.equal([4, 4, 3, 2, 2, 1, 1]);
  });

  it('by variational Bayes finds the rank under noise', () => {
    const source = random('vbmf');
    for (const [rows, columns, rank] of [
      [40, 60, 5],
      [100, 30, 3],
      [64, 64, 12],
    ] as const) {
      const [a, b] = [rows * rank, columns * rank].map((n) =>
        Float64Array.from({ length: n }, source.normal),
      );
      const noisy = Float64Array.from({ length: rows * columns }, (_, p) => {
        let v = 0.5 * source.normal();
        for (let k = 0; k < rank; k++)
          v +=
            (a?.[Math.floor(p / columns) * rank + k] as number) * (b?.[(p % columns) * rank + k] as number);
        return v;
      });
      expect(rankByVbmf(svd(rows, columns, (i, j) => noisy[i * columns + j] as number))).to.equal(rank);
    }
    const pure = Float64Array.from({ length: 50 * 50 }, source.normal);
    expect(rankByVbmf(svd(50, 50, (i, j) => pure[i * 50 + j] as number))).to.equal(1);
  });
});

describe('factorize', () => {
  for (const method of ['svd', 'spatial', 'tucker'] as const) {
    for (const name of ['wrn', 'shufflenet-v2', 'densenet-cifar', 'lenet-5']) {
      it(`by ${method} at full rank is the original, in ${name} (law 5)`, async () => {
        const net = await calibrated(small(name));
        const { net: cut, layers } = factorize(net, { method, ranks: full });
        expect(layers.length).to.be.above(0);
        for (const l of layers) expect(l.error).to.be.below(1e-6);
        const x = examples(net.graph, 2);
        expect(largestDifference(await runCompiled(cut, x), await runCompiled(net, x))).to.be.below(1e-4);
      });
    }

    it(`by ${method} errs by the discarded energy at every rank`, async () => {
      const g = oneConv(3, 4, 5);
      const net = init(g, { seed: 3 });
      const was = await response(net, 5, 4, 5);
      const energy = squares(kernelOf(net, 'a/conv'));
      for (const rank of [1, 2, 3, 4]) {
        const { net: cut, layers } = factorize(net, { method, ranks: { rank } });
        const now = await response(cut, 5, 4, 5);
        const error = squares(now.map((v, i) => v - (was[i] as number))) / energy;
        const told = (layers[0]?.error as number) ** 2;
        // of two matrices the sum of both is a bound, and their larger one is one from below
        if (method === 'tucker') expect(error).to.be.within(told / 2 - 1e-5, told + 1e-5);
        else expect(error).to.be.closeTo(told, 1e-5);
      }
    });
  }

  it('keeps geometry: strides, dilations, paddings, biases', async () => {
    const sizes = { kernel: [3, 5], stride: [2, 1], dilation: [1, 2], bias: true } as const;
    for (const padding of ['same', 'valid', [1, 0, 2, 3]] as const) {
      const g = graph(
        'one',
        input(9, 13, 3).pipe('a', (x) => x.conv(4, { ...sizes, padding } as never)),
      );
      const net = shaken(g);
      const x = examples(g, 2);
      for (const method of ['svd', 'spatial', 'tucker'] as const) {
        const cut = factorize(net, { method, ranks: full }).net;
        expect(largestDifference(await runCompiled(cut, x), await runCompiled(net, x)), method).to.be.below(
          1e-5,
        );
      }
      const cut = factorize(net, { method: 'cp', ranks: { rank: 60 }, rounds: 300 });
      const difference = largestDifference(await runCompiled(cut.net, x), await runCompiled(net, x));
      expect(difference).to.be.below(0.05);
    }
  });

  it('makes real smaller layers, the last under the old path', () => {
    const net = init(oneConv(3, 16, 16));
    const paths = (o: FactorizeOptions): string[] =>
      factorize(net, o)
        .net.graph.nodes.slice(1)
        .map((n) => `${n.id} ${JSON.stringify((n.op as Conv).kernel)} ${(n.op as Conv).out}`);
    expect(paths({ method: 'svd', ranks: { rank: 4 } })).to.deep.equal([
      'a/conv/basis [3,3] 4',
      'a/conv [1,1] 16',
    ]);
    expect(paths({ method: 'spatial', ranks: { rank: 4 } })).to.deep.equal([
      'a/conv/vertical [3,1] 4',
      'a/conv [1,3] 16',
    ]);
    expect(paths({ method: 'tucker', ranks: { rank: [5, 6] } })).to.deep.equal([
      'a/conv/squeeze [1,1] 5',
      'a/conv/core [3,3] 6',
      'a/conv [1,1] 16',
    ]);
    expect(paths({ method: 'cp', ranks: { rank: 4 } })).to.deep.equal([
      'a/conv/squeeze [1,1] 4',
      'a/conv/vertical [3,1] 4',
      'a/conv/horizontal [1,3] 4',
      'a/conv [1,1] 16',
    ]);
    // S R3 + k^2 R3 R4 + R4 T (Kim et al. 2016); S R + 2 k R + R T (Lebedev et al. 2015)
    expect(cost(factorize(net, { method: 'tucker', ranks: { rank: [5, 6] } }).net.graph).params).to.equal(
      16 * 5 + 9 * 5 * 6 + 6 * 16,
    );
    expect(cost(factorize(net, { method: 'cp', ranks: { rank: 4 } }).net.graph).params).to.equal(
      4 * (16 + 6 + 16),
    );
  });

  it('finds a kernel that is separable exactly at rank 1', async () => {
    const net = init(oneConv(3, 1, 1));
    const [y, x] = [
      [1, -2, 3],
      [0.5, 4, -1],
    ];
    const data = Float32Array.from(
      { length: 9 },
      (_, p) => (y?.[Math.floor(p / 3)] as number) * (x?.[p % 3] as number),
    );
    const made = { ...net, weights: new Map(net.weights).set('a/conv:kernel', float([3, 3, 1, 1], data)) };
    expect(factorize(made, { method: 'spatial', ranks: { rank: 1 } }).layers[0]?.error).to.be.below(1e-6);
  });

  it('meets budgets of parameters and of multiply-adds with as much energy as they allow', () => {
    const net = shaken(small('wrn'));
    const before = cost(net.graph);
    for (const what of ['params', 'macs'] as const) {
      for (const method of ['svd', 'spatial', 'tucker'] as const) {
        const after = cost(
          factorize(net, { method, ranks: { [what]: 0.5 } as never, where: 'stage*/**' }).net.graph,
        )[what];
        expect(after / before[what], `${method} ${what}`).to.be.within(0.4, 0.5);
      }
    }
    expect(
      messageOf(() => factorize(net, { method: 'spatial', ranks: { params: 0.001 } }), Refusal),
    ).to.match(
      /^factorize: at rank 1 wrn.* still has \d+ params, and the budget is \d+; choose a larger one$/,
    );
  });

  it('by energy and by vbmf leaves layers alone that would grow', () => {
    const net = shaken(small('wrn'));
    const all = net.graph.nodes.filter((n) => n.op.kind === 'conv' || n.op.kind === 'dense').length;
    const kept = factorize(net, { method: 'svd', ranks: { energy: 0.6 } });
    expect(cost(kept.net.graph).params).to.be.below(cost(net.graph).params);
    expect(kept.layers.length).to.be.within(1, all);
    for (const l of kept.layers) expect(l.error ** 2).to.be.at.most(0.4);
    // random kernels are noise: rank 1
    const noiseRanks = factorize(net, { method: 'tucker', ranks: 'vbmf' }).layers.flatMap((l) => l.ranks);
    expect(Math.max(...noiseRanks)).to.be.at.most(4);
  });

  it('refuses what it cannot do, with the reason', () => {
    const net = shaken(small('wrn'));
    const line = (o: FactorizeOptions): string => messageOf(() => factorize(net, o), Refusal);
    expect(line({ method: 'spatial', ranks: full, where: 'head' })).to.equal(
      'factorize: spatial fits no layer at "head"; it takes convs of one group, more than one place high and wide.',
    );
    expect(line({ method: 'svd', ranks: full, where: 'stemm' })).to.match(
      /fits no layer at "stemm";.* Did you mean "stem/,
    );
    const wrong = (o: FactorizeOptions): string => messageOf(() => factorize(net, o), UsageError);
    expect(wrong({ method: 'svd', ranks: { rank: 0 } })).to.equal(
      'factorize: rank must be a whole number from 1 up, or a pair of them, got 0',
    );
    expect(wrong({ method: 'svd', ranks: { energy: 2 } })).to.equal(
      'factorize: energy must be a share above 0 and at most 1, got 2',
    );
    expect(line({ method: 'cp', ranks: { energy: 0.9 } })).to.equal(
      'factorize: cp has no singular values to keep energy of; give a rank or a budget',
    );
    expect(line({ method: 'cp', ranks: 'vbmf' })).to.equal(
      'factorize: cp has no matrix for vbmf to judge; give a rank or a budget',
    );
    expect(line({ method: 'svd', ranks: { energy: 0.9999 }, where: 'stem' })).to.match(
      /^factorize: svd at these ranks makes no layer of .* smaller; choose lower ranks$/,
    );
  });
});

describe('the canonical decomposition', () => {
  it('recovers kernels of its own rank', () => {
    const [kh, kw, I, O, R] = [3, 3, 6, 7, 4] as const;
    const source = random('cp-test');
    const f = [kh, kw, I, O].map((n) => Float64Array.from({ length: n * R }, source.normal));
    const w = new Float32Array(kh * kw * I * O);
    w.forEach((_, p) => {
      const index = [
        Math.floor(p / (kw * I * O)),
        Math.floor(p / (I * O)) % kw,
        Math.floor(p / O) % I,
        p % O,
      ];
      for (let r = 0; r < R; r++)
        w[p] =
          (w[p] as number) +
          f.reduce((v, factor, mode) => v * (factor[(index[mode] as number) * R + r] as number), 1);
    });
    expect(cp([kh, kw, I, O], w, R, { rounds: 1000 }).error).to.be.below(1e-3);
  });

  it('comes nearer with rank, by the error that it tells, the same for the same seed', async () => {
    const net = init(oneConv(3, 4, 5), { seed: 3 });
    const was = await response(net, 5, 4, 5);
    const energy = squares(kernelOf(net, 'a/conv'));
    let last = 1;
    for (const rank of [2, 6, 14]) {
      const { net: cut, layers } = factorize(net, { method: 'cp', ranks: { rank } });
      const now = await response(cut, 5, 4, 5);
      const error = Math.sqrt(squares(now.map((v, i) => v - (was[i] as number))) / energy);
      expect(error).to.be.closeTo(layers[0]?.error as number, 1e-3);
      expect(error).to.be.below(last);
      last = error;
      expect(factorize(net, { method: 'cp', ranks: { rank } }).layers).to.deep.equal(layers);
    }
  });

  it('meets a budget of its own', () => {
    const net = init(oneConv(3, 16, 16));
    const cut = factorize(net, { method: 'cp', ranks: { params: 0.3 }, rounds: 5 }).net;
    expect(cost(cut.graph).params / (9 * 16 * 16)).to.be.within(0.25, 0.3);
  });
});

describe('a split', () => {
  it('of a kernel with more inputs than the rest of it is exact at full rank', () => {
    const op = conv({ out: 1, kernel: [1, 2] });
    const w = noise(sizeOf([1, 2, 9, 1]), 'wide');
    const { matrices } = splitConv(op, [1, 2, 9, 1], w, 'tucker');
    expect(matrices.map((m) => m.values.length)).to.deep.equal([2, 1]);
  });
});
