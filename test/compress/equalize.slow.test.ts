/** @file Cross-layer equalization keeps the function and helps rounding; bias correction takes back a layer's mean error. */
import { expect } from 'chai';
import { calibrate, quantizeByData } from '../../src/compress/index.ts';
import { correctBias, equalize, foldNorms, graph, input, quantize } from '../../src/index.ts';
import { float, init, materialize, type Net, type Weight } from '../../src/weights/index.ts';
import { calibrated } from '../support/calibrated.ts';
import { examples, largestDifference, small } from '../support/nets.ts';
import { runCompiled } from '../support/run.ts';

describe('cross-layer equalization', () => {
  const chainOf = graph(
    'chain',
    input(6, 6, 3)
      .pipe('a', (x) => x.conv(6, { kernel: 3 }).norm().relu())
      .pipe('b', (x) => x.depthwise().norm().relu())
      .pipe('c', (x) => x.conv(4, { kernel: 1 }).relu())
      .pipe('head', (x) => x.globalPool().dense(3)),
  );
  /** Channel c of layer a is 10^c times too large, and taken back by layer b. */
  const skewed = async (): Promise<Net> => {
    const folded = foldNorms(await calibrated(chainOf));
    const changed = new Map(folded.weights);
    const scale = (key: string, by: (c: number) => number): void => {
      const w = changed.get(key as never) as Weight;
      changed.set(
        key as never,
        float(
          w.shape,
          materialize(w).map((v, p) => v * by(p % 6)),
        ),
      );
    };
    scale('a/conv:kernel', (c) => 10 ** (c - 3));
    scale('a/conv:bias', (c) => 10 ** (c - 3));
    scale('b/conv:kernel', (c) => 10 ** (3 - c));
    return { ...folded, weights: changed };
  };

  it('keeps the function and evens the ranges out', async () => {
    const net = await skewed();
    const even = equalize(net);
    const x = examples(chainOf, 6);
    expect(largestDifference(await runCompiled(even, x), await runCompiled(net, x))).to.be.below(1e-5);
    const largest = (key: string): number[] => {
      const w = materialize(even.weights.get(key as never) as Weight);
      return Array.from({ length: 6 }, (_, c) => Math.max(...w.filter((__, p) => p % 6 === c).map(Math.abs)));
    };
    const [a, b] = [largest('a/conv:kernel'), largest('b/conv:kernel')];
    a?.forEach((r, c) => {
      expect(r / (b?.[c] as number)).to.be.within(0.8, 1.25);
    });
  });

  it('saves a net with one scale a kernel', async () => {
    const net = await skewed();
    const x = examples(chainOf, 32);
    const y = await runCompiled(net, x);
    const o = { per: 'tensor', correct: false } as const;
    const before = largestDifference(await runCompiled(await quantizeByData(net, [x], o), x), y);
    const after = largestDifference(
      await runCompiled(await quantizeByData(net, [x], { ...o, equalize: true }), x),
      y,
    );
    expect(before).to.be.above(0.2);
    expect(after).to.be.below(before / 4);
  });

  for (const name of [
    'mobilenet-v1',
    'mobilenet-v2',
    'resnet-cifar',
    'shufflenet-v2',
    'squeezenet',
    'regnet-y-200mf',
  ]) {
    it(`keeps the function of ${name}`, async () => {
      const net = await calibrated(small(name));
      const x = examples(net.graph, 2);
      expect(largestDifference(await runCompiled(equalize(net), x), await runCompiled(net, x))).to.be.below(
        1e-4,
      );
    });
  }
});

describe('bias correction', () => {
  it('takes back the mean error of a layer', async () => {
    const g = graph(
      'one',
      input(4, 4, 6).pipe('a', (x) => x.conv(3, { kernel: 1, bias: true })),
    );
    const net: Net = { graph: g, weights: init(g).weights };
    const x = examples(g, 50).map((v) => v + 1);
    const { means } = await calibrate(net, [x]);
    const coarse = quantize(net, { weights: 2 });
    const drift = async (n: Net): Promise<number[]> => {
      const [a, b] = [await runCompiled(n, x), await runCompiled(net, x)];
      const sums = [0, 0, 0];
      a?.forEach((v, i) => {
        sums[i % 3] = (sums[i % 3] as number) + v - ((b?.[i] as number) ?? 0);
      });
      return sums.map((s) => Math.abs((s * 3) / x.length));
    };
    expect(Math.max(...(await drift(coarse)))).to.be.above(0.01);
    expect(Math.max(...(await drift(correctBias(coarse, net, means))))).to.be.below(1e-4);
  });
});
