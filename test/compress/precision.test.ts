/** @file Half precision, options that are refused, and files of few bits: what each kernel is stored as, and that nothing passes unseen. */
import { expect } from 'chai';
import { get } from '../../src/access.ts';
import {
  calibrate,
  compress,
  mixedPrecision,
  parseSteps,
  quantizeByData,
  quantizedForm,
} from '../../src/compress/index.ts';
import { compile, runModel } from '../../src/engine/index.ts';
import { toOnnx } from '../../src/export/index.ts';
import { graph, input, quantize, Refusal, UsageError } from '../../src/index.ts';
import {
  type FloatWeight,
  float,
  init,
  materialize,
  type Net,
  type WeightKey,
} from '../../src/weights/index.ts';
import { line } from '../support/refused.ts';
import { examples, largestDifference } from '../support/nets.ts';
import { runCompiled } from '../support/run.ts';

const g = graph(
  'small',
  input(4, 4, 4)
    .pipe('stem', (x) => x.conv(8, { kernel: 3 }).norm().relu())
    .pipe('body', (x) => x.conv(7, { kernel: 3 }).relu())
    .pipe('head', (x) => x.globalPool().dense(2)),
);

describe('half precision', () => {
  const net = init(g, { seed: 1 });
  const key = 'body/conv:kernel';
  const with_ = (weight: WeightKey, value: number): Net => {
    const stored = net.weights.get(weight) as FloatWeight;
    const data = stored.data.slice();
    data[3] = value;
    return { ...net, weights: new Map(net.weights).set(weight, float(stored.shape, data)) };
  };
  for (const [what, odd, weight] of [
    ['a kernel', with_(key, 70_000), key],
    ['a variance', with_('stem/norm:variance', 90_000), 'stem/norm:variance'],
  ] as const)
    it(`leaves ${what} with values above 65,504 in float32`, async () => {
      const halves = (await compress(odd, parseSteps('half'), { runs: 0 })).net;
      expect(halves.weights.get(weight)?.encoding).to.equal('float32');
      expect(halves.weights.get('head/dense:kernel')?.encoding).to.equal('float16');
      const x = examples(g, 4);
      const [wanted, got] = [await runCompiled(odd, x), await runCompiled(halves, x)];
      const largest = wanted.reduce((a, v) => Math.max(a, Math.abs(v)), 0);
      expect(largestDifference(got, wanted)).to.be.below(0.01 * largest);
    });

  it('is no choice for a kernel that it cannot hold', async () => {
    const odd = with_(key, 70_000);
    expect(quantize(odd, { weights: 16 }).weights.get(key)?.encoding).to.equal('float32');
    const { measured, error } = await mixedPrecision(odd, examples(g, 4), { bytes: 1e6, choices: [8, 16] });
    expect(measured.get('body/conv')?.map((c) => c.bits)).to.deep.equal([8]);
    expect(measured.get('head/dense')?.map((c) => c.bits)).to.deep.equal([16, 8]);
    expect(error).to.satisfy(Number.isFinite);
  });
});

describe('options of quantization', () => {
  const net = init(g, { seed: 1 });
  const x = examples(g, 4);
  for (const [what, call, message] of [
    [
      'a name',
      () => quantizeByData(net, [x], { weigths: 4 } as object),
      /no option "weigths"\. Did you mean "weights"\?/,
    ],
    [
      'a method',
      () => quantizeByData(net, [x], { method: 'entropy' } as object),
      /method must be one of min-max, percentile, mse/,
    ],
    [
      'a rounding',
      () => quantizeByData(net, [x], { round: 'adaptiv' } as object),
      /round must be one of nearest, feedback, adaptive/,
    ],
    [
      'a percentile',
      () => calibrate(net, [x], { method: 'percentile', percentile: 0.9999 }),
      /percentile must be a percentage above 50/,
    ],
    [
      'no bytes',
      () => mixedPrecision(net, x, {} as { bytes: number }),
      /bytes must be a number above 0, got undefined/,
    ],
    ['bits', async () => quantizedForm(net, { bits: 9 }), /bits must be a whole number from 2 to 8, got 9/],
    [
      'a kind',
      async () => quantizedForm(net, { kind: 'x' } as object),
      /kind must be one of integers, learned, ternary/,
    ],
  ] as const)
    it(`are refused for ${what} that there is not`, async () => {
      const error = await call().then(
        () => undefined,
        (e: unknown) => e,
      );
      expect(error).to.be.instanceOf(UsageError);
      expect((error as Error).message).to.match(message);
    });

  const images = {
    ...{
      name: 'plain',
      classes: 4,
      classNames: ['a', 'b', 'c', 'd'],
      shape: [8, 8, 1] as const,
      mean: 0,
      std: 1,
    },
    train: {
      ...{ count: 64, pixels: new Uint8Array(64 * 64).map((_, i) => i % 251), labels: new Uint8Array(64) },
    },
  };
  const data = { ...images, test: images.train };

  it('of 2 bits for each kernel can be met', async () => {
    const odd = init(graph('odd', input(8, 8, 1).conv(5, { kernel: 3 }).relu().globalPool().dense(4)), {
      seed: 1,
    });
    const done = await compress(odd, parseSteps('quantize,mixed=2,activations=0'), { data, runs: 0 });
    for (const id of ['conv', 'dense'])
      expect(done.net.weights.get(`${id}:kernel`)).to.deep.include({ encoding: 'quantized', bits: 2 });
  });

  it('of a mean of bits count those that the first and the last layers are given', async () => {
    const body = input(8, 8, 1).conv(5, { kernel: 3 }).relu().conv(7, { kernel: 3 }).relu();
    const odd = init(graph('odd', body.conv(9, { kernel: 3 }).relu().globalPool().dense(4)), { seed: 1 });
    const weights = (n: Net): number[] =>
      [...n.weights].flatMap(([key, w]) =>
        key.endsWith(':kernel') ? [w.shape.reduce((a, d) => a * d, 1)] : [],
      );
    const bitsOf = (n: Net): number[] =>
      [...n.weights].flatMap(([key, w]) =>
        key.endsWith(':kernel') && w.encoding === 'quantized' ? [w.bits] : [],
      );
    const { net: rounded } = await compress(
      odd,
      parseSteps('quantize,mixed=4,ends=8,clip=mse,activations=0'),
      {
        data,
        runs: 0,
      },
    );
    const [sizes, bits] = [weights(odd), bitsOf(rounded)];
    expect([bits[0], bits[3]]).to.deep.equal([8, 8]);
    const total = sizes.reduce((n, size) => n + size, 0);
    expect(sizes.reduce((n, size, i) => n + (size * (bits[i] ?? 32)) / total, 0)).to.be.at.most(4);
    // 2 bits for all other kernels are 2.5 in the mean
    const refused = compress(odd, parseSteps('quantize,mixed=2.1,ends=8,activations=0'), { data, runs: 0 });
    expect(await line(() => refused)).to.match(
      /the fewest bits of all kernels take \d+ bytes, more than the budget/,
    );
  });
});

describe('kernels that codes cannot be made of', () => {
  const net = init(g, { seed: 1 });
  const changed = (change: (v: number, i: number) => number): Net => {
    const kernel = get(net.weights, 'body/conv:kernel') as FloatWeight;
    return {
      ...net,
      weights: new Map(net.weights).set('body/conv:kernel', float(kernel.shape, kernel.data.map(change))),
    };
  };
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY])
    it(`are refused by name: ${value}`, () => {
      expect(() => quantize(changed((v, i) => (i === 4 ? value : v)))).to.throw(
        Refusal,
        'quantize: the kernel of "body/conv" has values that are not finite numbers',
      );
    });

  it('are zeros where a channel is nearly zero', async () => {
    const tiny = changed((v, i) => (i % 7 === 2 ? 1e-44 * Math.sign(v) : v));
    const x = examples(g, 4);
    for (const bits of [8, 4]) {
      const q = await quantizeByData(tiny, [x], { weights: bits });
      for (const [key, weight] of q.weights)
        expect([...materialize(weight)].every(Number.isFinite), key).to.equal(true);
      expect([...(await runCompiled(q, x))].every(Number.isFinite)).to.equal(true);
    }
  });
});

describe('values of few bits', () => {
  it('behind layers that share a bias are in the file what the simulation says', async () => {
    const map = input(9, 8, 2).conv(6, { kernel: 3 }).relu().conv(6, { kernel: 3, bias: true });
    const y = map.relu().conv(6, { kernel: 3, bias: true, weightsOf: map });
    const net = init(graph('shared', y.relu().globalPool().dense(3)), { seed: 2 });
    const x = Float32Array.from({ length: 8 * 144 }, (_, i) => Math.sin(i * 1.7) + Math.cos(i * 0.37));
    for (const bits of [4, 3]) {
      const q = await quantizeByData(net, [x], { weights: bits, activations: bits });
      const values = ['act_3/quantize'];
      const runner = await compile(q, { engine: 'wasm', values });
      const simulated = get(await runner.run(x), values[0] as string);
      await runner.release();
      const [inFile] = await runModel(toOnnx(q, { values }), x, 8);
      // a sum halfway between two steps may go either way
      const apart = simulated.filter((v, i) => Math.abs(v - (inFile as Float32Array)[i]!) > 1e-4);
      expect(apart.length).to.be.at.most(4);
    }
  });
});
