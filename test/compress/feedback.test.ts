/** @file Rounding by what a layer reads, even channels, and values that stay in floats. */
import { expect } from 'chai';
import {
  calibrate,
  compress,
  parseSteps,
  quantizeByData,
  quantizeToLatency,
} from '../../src/compress/index.ts';
import { evenChannels, type Moments, roundWithFeedback, scalesOf } from '../../src/edit/quantize/index.ts';
import { type FeatureMap, inputShape } from '../../src/graph/index.ts';
import { foldNorms, graph, input, UsageError } from '../../src/index.ts';
import { random } from '../../src/random.ts';
import { codesOf, float, materialize, type Net, pairsFit, quantized } from '../../src/weights/index.ts';
import { calibrated } from '../support/calibrated.ts';
import { messageOf } from '../support/errors.ts';
import { examples, fusing, largestDifference, noise, sizeOf } from '../support/nets.ts';
import { runCompiled } from '../support/run.ts';

/** Means and covariances of rows [n, k]. */
function momentsOf(rows: Float32Array, k: number): Moments {
  const n = rows.length / k;
  const value = (r: number, i: number): number => rows[r * k + i] as number;
  const mean = Float32Array.from({ length: k }, (_, i) => {
    let sum = 0;
    for (let r = 0; r < n; r++) sum += value(r, i);
    return sum / n;
  });
  const covariance = Float32Array.from({ length: k * k }, (_, p) => {
    const [i, j] = [Math.floor(p / k), p % k];
    let sum = 0;
    for (let r = 0; r < n; r++)
      sum += (value(r, i) - (mean[i] as number)) * (value(r, j) - (mean[j] as number));
    return sum / n;
  });
  return { mean, covariance };
}

describe('rounding with error feedback', () => {
  const [k, outputs, n] = [12, 5, 200];
  const kernel = float([k, outputs], noise(k * outputs, 'feedback'));
  // inputs that go together, as neighbouring channels do
  const common = noise(n, 'common');
  const rows = noise(n * k, 'rows').map((v, p) => 0.3 * v + (common[Math.floor(p / k)] as number));
  const moments = momentsOf(rows, k);
  /** The mean squared error of the layer's centred outputs. */
  const error = (codes: Float32Array): number => {
    let sum = 0;
    for (let o = 0; o < outputs; o++) {
      const e = Array.from(
        { length: k },
        (_, i) => (codes[i * outputs + o] as number) - (kernel.data[i * outputs + o] as number),
      );
      e.forEach((a, i) => {
        e.forEach((b, j) => {
          sum += a * b * (moments.covariance[i * k + j] as number);
        });
      });
    }
    return sum / outputs;
  };

  for (const bits of [3, 8])
    it(`loses less of the outputs than the nearest codes, with ${bits} bits`, () => {
      const paired = bits === 8;
      const scales = scalesOf(kernel, bits, 'channel', 'max', paired);
      const near = materialize(quantized(kernel, { bits, scales, paired }));
      const fed = roundWithFeedback(kernel, [moments], { bits, scales, paired });
      expect(error(materialize(fed))).to.be.below(0.6 * error(near));
      if (paired) expect(pairsFit(codesOf(fed), fed.shape)).to.equal(true);
    });

  it('is plain rounding where inputs do not go together', () => {
    const covariance = Float32Array.from({ length: k * k }, (_, p) => (p % (k + 1) === 0 ? 1 : 0));
    const scales = scalesOf(kernel, 8, 'channel', 'max');
    const o = { bits: 8, scales, paired: false };
    const fed = roundWithFeedback(kernel, [{ mean: new Float32Array(k), covariance }], o);
    expect(codesOf(fed)).to.deep.equal(codesOf(quantized(kernel, o)));
  });

  it('of a whole net with values in floats is nearer than the nearest codes', async () => {
    const net = await calibrated(fusing);
    const x = examples(fusing, 64);
    const y = await runCompiled(net, x);
    const distance = async (made: Net): Promise<number> => {
      const got = await runCompiled(made, x);
      return got.reduce((sum, v, i) => sum + (v - (y[i] as number)) ** 2, 0);
    };
    const far = async (o: object): Promise<number> =>
      distance(await quantizeByData(net, [x], { weights: 4, ...o }));
    expect(await far({ round: 'feedback' })).to.be.below(await far({}));
    const q = await quantizeByData(net, [x], { unrounded: 2 });
    const all = await quantizeByData(net, [x]);
    const count = ({ graph: g }: Net): number => g.nodes.filter((m) => m.op.kind === 'quantize').length;
    expect(count(all) - count(q)).to.equal(2);
    expect(await distance(q)).to.be.below(await distance(all));
  });
});

describe('values in floats within a measured time', () => {
  /** A stand-in for the time of a run: each rounding makes it shorter. */
  const time = async ({ graph: g }: Net): Promise<number> =>
    20 - g.nodes.filter((n) => n.op.kind === 'quantize').length;

  it('are as many as fit, the most sensitive ones', async () => {
    const net = await calibrated(fusing);
    const x = examples(fusing, 64);
    const whole = await quantizeByData(net, [x]);
    const least = await time(whole);
    for (const extra of [0, 1, 2, 3.5]) {
      const got = await quantizeToLatency(net, [x], least + extra, time);
      expect(got.unrounded).to.equal(Math.floor(extra));
      expect(got.measured).to.equal(least + Math.floor(extra));
      const same = await quantizeByData(net, [x], { unrounded: got.unrounded });
      expect(got.net.graph).to.deep.equal(same.graph);
    }
    const { unrounded } = await quantizeToLatency(net, [x], 1000, time);
    expect(unrounded).to.equal(20 - least);
  });
  it('says what can be reached', async () => {
    const net = await calibrated(fusing);
    const message = (budget: number): Promise<string> =>
      quantizeToLatency(net, [examples(fusing, 8)], budget, time).then(
        () => '',
        (e: Error) => e.message,
      );
    expect(await message(1)).to.match(
      /: the measured time cannot come down to 1 by quantization; with all values rounded it is \d+$/,
    );
    expect(await message(0)).to.equal('quantize: the budget must be a number above 0, got 0');
    expect(await message(Number.NaN)).to.equal('quantize: the budget must be a number above 0, got NaN');
  });
  it('as a step records how many they are', async () => {
    const net = await calibrated(fusing);
    const source = random('pixels');
    const split = {
      count: 64,
      pixels: Uint8Array.from({ length: 64 * sizeOf(inputShape(fusing)) }, () => source.below(256)),
      labels: Uint8Array.from({ length: 64 }, (_, i) => i % 2),
    };
    const shape = inputShape(fusing) as FeatureMap;
    const data = { name: 'noise', classes: 2, classNames: ['a', 'b'], shape, mean: 0.5, std: 0.3 };
    const all = (await quantizeByData(net, [examples(fusing, 8)])).graph.nodes;
    const { rows } = await compress(net, parseSteps('quantize=8,latency=1000'), {
      data: { ...data, train: split, test: split },
      heldOut: 16,
      runs: 0,
    });
    // a budget that floats keep, too
    const count = all.filter((n) => n.op.kind === 'quantize').length;
    expect(rows.at(-1)?.step).to.equal(`quantize=8,unrounded=${count}`);
    const error = (words: string): string => messageOf(() => parseSteps(words), UsageError);
    const line =
      'steps[0]: latency: it chooses how many values stay in floats; it needs rounded values (activations) and takes no unrounded';
    expect(error('quantize=8,latency=0.5,unrounded=2')).to.equal(line);
    expect(error('quantize=8,latency=0.5,activations=0')).to.equal(line);
  });
});

describe('even channels', () => {
  const chain = graph(
    'chain',
    input(6, 6, 3)
      .pipe('a', (x) => x.conv(6, { kernel: 3 }).norm().act('relu6'))
      .pipe('b', (x) => x.depthwise().norm().relu())
      .pipe('c', (x) => x.residual((y) => y.conv(6, { kernel: 1 }).norm()))
      .pipe('head', (x) => x.globalPool().dense(3)),
  );
  it('keep the function, on what was not seen too, and bring ranges together', async () => {
    const net = foldNorms(await calibrated(chain));
    const x = examples(chain, 8);
    const before = (await calibrate(net, [x])).largest;
    const even = evenChannels(net, before);
    expect(largestDifference(await runCompiled(even, x), await runCompiled(net, x))).to.be.below(1e-5);
    // photographs other than those that calibrated: values several times as large, which a scaled relu6 would clip
    const unseen = x.map((v, i) => 8 * v + (i % 5));
    expect(largestDifference(await runCompiled(even, unseen), await runCompiled(net, unseen))).to.be.below(
      1e-5,
    );
    const after = (await calibrate(even, [x])).largest;
    const spread = (sizes: ReadonlyMap<string, Float32Array>, id: string): number => {
      const values = sizes.get(id) as Float32Array;
      return Math.max(...values) / Math.min(...values);
    };
    expect(spread(after, 'b/act')).to.be.below(spread(before, 'b/act'));
    // the input, the outputs and what is clipped at 6 stay as they are
    for (const id of ['input', 'a/act']) expect(after.get(id)).to.deep.equal(before.get(id));
  });
});
