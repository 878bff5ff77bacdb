/** @file Quantization: what rounding does to a value, where a net rounds, and that integers and their simulation agree. */

import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { calibrate, quantizeByData } from '../../src/compress/index.ts';
import type { Range } from '../../src/edit/index.ts';
import { places, scalesOf, stepsOf } from '../../src/edit/quantize/index.ts';
import { compile } from '../../src/engine/index.ts';
import type { OpOf } from '../../src/graph/index.ts';
import {
  foldNorms,
  fromJson,
  graph,
  input,
  print,
  quantize,
  Refusal,
  toJson,
  UsageError,
} from '../../src/index.ts';
import { apply } from '../../src/read/tfjs/apply.ts';
import {
  bytesOf,
  codesOf,
  float,
  init,
  materialize,
  type Net,
  pairsFit,
  type Weight,
} from '../../src/weights/index.ts';
import { calibrated } from '../support/calibrated.ts';
import { messageOf } from '../support/errors.ts';
import { examples, fusing, largestDifference, noise } from '../support/nets.ts';
import { fc } from '../support/property.ts';
import { runCompiled } from '../support/run.ts';
import { leakless, useCpu } from '../support/tensors.ts';

type Quantize = OpOf<'quantize'>;
const op: Quantize = { kind: 'quantize', scale: 0.5, zero: 2, bits: 3, signed: false }; // -1 to 2.5
const nothing = {
  training: false,
  weight: () => undefined,
  noise: () => tf.scalar(0),
  keep: () => {},
};
describe('rounding', () => {
  before(useCpu);

  it('takes the nearest step, halves to even, and clips', async () => {
    const x = [-9, -1, -0.8, -0.25, 0, 0.25, 0.7, 0.75, 2.5, 9];
    const y = await leakless(() => tf.tidy(() => [...apply(op, [tf.tensor2d([x])], nothing).dataSync()]));
    expect(y).to.deep.equal([-1, -1, -1, 0, 0, 0, 0.5, 1, 2.5, 2.5]);
    const even: Quantize = { ...op, zero: -1, signed: true }; // -1.5 to 2
    const z = tf.tidy(() => [...apply(even, [tf.tensor2d([[-3, -1.5, 1.99, 5]])], nothing).dataSync()]);
    expect(z).to.deep.equal([-1.5, -1.5, 2, 2]);
  });

  it('passes gradients straight through, but for what it clips', async () => {
    const x = [-9, -1.3, -1, 0.1, 2.5, 2.8, 9];
    const g = await leakless(() =>
      tf.tidy(() => {
        const run = (t: tf.Tensor): tf.Scalar => tf.sum(tf.mul(apply(op, [t], nothing), 3));
        return [
          ...tf
            .grad(run)(tf.tensor2d([x]))
            .dataSync(),
        ];
      }),
    );
    // -1.3 and 2.8 round to codes outside of 0 to 7
    expect(g).to.deep.equal([0, 0, 3, 3, 3, 0, 0]);
  });

  it('has zero among its steps, and its range within a step', () => {
    const ranges = fc.tuple(
      fc.double({ min: -50, max: 50, noNaN: true }),
      fc.double({ min: 0, max: 50, noNaN: true }),
    );
    fc.assert(
      fc.property(ranges, fc.integer({ min: 2, max: 8 }), fc.boolean(), ([low, width], bits, signed) => {
        const s = stepsOf([low, low + width], bits, signed);
        const [least, most] = signed ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1];
        expect(s.zero).to.be.within(least, most);
        expect((least - s.zero) * s.scale).to.be.at.most(Math.min(low, 0) + s.scale * 0.51);
        expect((most - s.zero) * s.scale).to.be.at.least(Math.max(low + width, 0) - s.scale * 0.51);
        expect(Math.fround(s.scale)).to.equal(s.scale);
      }),
    );
  });

  it('is kept in JSON and printed', () => {
    const g = graph('q', input(3).quantize({ scale: 0.5, zero: 2, bits: 3, signed: false }));
    expect(fromJson(toJson(g))).to.deep.equal(g);
    expect(print(g)).to.contain('quantize: quantize uint3 scale=0.5000 zero=2 -> [3]');
  });

  for (const [what, change, reason] of [
    ['a scale of 0', { scale: 0 }, 'scale must be a number above 0, got 0'],
    ['9 bits', { bits: 9 }, 'bits must be 8 at most, got 9'],
    ['1 bit', { bits: 1 }, 'bits must be a whole number from 2 up, got 1'],
    ['a zero out of range', { zero: 8 }, 'zero must be a whole number from 0 to 7, got 8'],
  ] as const) {
    it(`is refused with ${what}`, () => {
      expect(() => input(3).quantize({ ...op, ...change })).to.throw(`quantize([3]): ${reason}`);
    });
  }

  it('is the same in onnxruntime, in 8 bits as integers and in fewer as floats', async () => {
    for (const o of [
      { bits: 8, zero: 100, signed: false },
      { bits: 8, zero: -7, signed: true },
      { bits: 4, zero: 3, signed: false },
      { bits: 2, zero: -1, signed: true },
    ]) {
      const g = graph('q', input(2000).quantize({ scale: 0.03, ...o }));
      const x = examples(g, 1).map((v) => 3 * v);
      const net: Net = { graph: g, weights: new Map() };
      const y = tf.tidy(() =>
        apply({ ...op, scale: 0.03, ...o }, [tf.tensor2d(x, [1, 2000])], nothing).dataSync(),
      );
      const same = [...(await runCompiled(net, x))].every((v, i) => v === y[i]); // 0 is -0
      expect(same, JSON.stringify(o)).to.equal(true);
    }
  });
});

describe('quantize', () => {
  it('rounds after layers, not before the activations that fuse; moved values keep their steps', () => {
    const folded = foldNorms({ graph: fusing, weights: init(fusing).weights });
    expect(places(folded.graph)).to.deep.equal([
      { id: 'input' },
      { id: 'stem/act' },
      { id: 'stage1/act' },
      { id: 'stage1/conv' },
      { id: 'stage1/add' },
      { id: 'stage1/pool', as: 'stage1/add' },
      { id: 'head/globalPool' },
    ]);
    expect(places(folded.graph, true).at(-1)).to.deep.equal({ id: 'head/dense' });
  });

  it('stores a quarter of the bytes, and every value of a kernel within half a step (law 5)', async () => {
    const net = await calibrated(fusing);
    const { ranges } = await calibrate(net, [examples(fusing, 16)]);
    const q = quantize(net, { ranges, form: 'full' });
    const folded = foldNorms(net);
    const kernel = q.weights.get('stage1/conv:kernel') as Weight & { scales: Float32Array };
    const was = materialize(folded.weights.get('stage1/conv:kernel') as Weight);
    materialize(kernel).forEach((v, p) => {
      expect(Math.abs(v - (was[p] as number))).to.be.at.most((kernel.scales[p % 8] as number) * 0.50001);
    });
    const kernels = (n: Net): Net => ({
      ...n,
      weights: new Map([...n.weights].filter(([k]) => k.endsWith('kernel'))),
    });
    expect(bytesOf(kernels(q))).to.equal(bytesOf(kernels(folded)) / 4 + 4 * (8 + 8 + 5));
  });

  it('says its form in the graph, which JSON and print keep; paired kernels fit in 16 bits', async () => {
    const net = await calibrated(fusing);
    const q = quantize(net);
    expect(q.graph.integers).to.equal('paired');
    expect(fromJson(toJson(q.graph))).to.deep.equal(q.graph);
    expect(print(q.graph)).to.match(/^residual \(integers: paired\)\n/);
    const fits = (n: Net): boolean =>
      [...n.weights.values()].every((w) => w.encoding !== 'quantized' || pairsFit(codesOf(w), w.shape));
    expect(fits(q)).to.equal(true);
    expect(fits(quantize(net, { form: 'full' }))).to.equal(false);
    expect(quantize(net, { weights: 7 }).graph.integers).to.equal(undefined);
  });

  it('keeps codes that are of its kind, and rounds anew those that are not', async () => {
    const net = await calibrated(fusing);
    const { ranges } = await calibrate(net, [examples(fusing, 4)]);
    const key = 'stem/conv:kernel';
    const once = quantize(net);
    expect(quantize(once, { ranges }).weights.get(key)).to.deep.equal(once.weights.get(key));
    const wide = quantize(net, { form: 'full' });
    expect(quantize(wide, { ranges, form: 'full' }).weights.get(key)).to.deep.equal(wide.weights.get(key));
    expect(quantize(wide, { ranges }).weights.get(key)).to.not.deep.equal(wide.weights.get(key));
  });

  it('is refused for values that are rounded already', async () => {
    const net = init(graph('tiny', input(2).dense(2)));
    const batches = [Float32Array.of(1, 2, 3, 4)];
    const once = await quantizeByData(net, batches);
    const said = async (run: () => Promise<unknown>): Promise<string> =>
      run().then(
        () => 'accepted',
        (e: Error) => e.message,
      );
    expect(await said(() => quantizeByData(once, batches))).to.equal(
      'quantize: all values of tiny are already rounded to 8 bits; quantize the float net to calibrate again',
    );
    expect(await said(() => quantizeByData(once, batches, { activations: 4 }))).to.equal(
      'quantize: "input/quantize" already rounds to 8 bits, and 4 were requested; quantize the float net',
    );
    expect(await said(() => calibrate(once, batches))).to.equal(
      'tiny: no value is left to calibrate, since all are already rounded; calibrate the float net',
    );
    // with its outputs a value is left
    const outputs = await quantizeByData(once, batches, { outputs: true });
    expect(outputs.graph.outputs).to.deep.equal(['dense/quantize']);
    for (const values of [[], undefined])
      expect(await said(() => compile(net, values ? { values } : {}).then((c) => c.release()))).to.equal(
        values
          ? 'tiny: compile got no values; name one node or more, or leave values out for the outputs'
          : 'accepted',
      );
  });

  it('with weights alone needs no data', async () => {
    const net = await calibrated(fusing);
    const x = examples(fusing, 4);
    const eight = await runCompiled(quantize(net), x);
    const two = await runCompiled(quantize(net, { weights: 2, clip: 'mse' }), x);
    const y = await runCompiled(net, x);
    expect(largestDifference(eight, y)).to.be.below(0.02);
    expect(largestDifference(two, y)).to.be.within(0.02, 1);
    expect(quantize(net).graph.nodes.some((n) => n.op.kind === 'quantize')).to.equal(false);
  });

  it('chooses scales of least squared error when told', () => {
    const w = float([500, 2], noise(1000, 'clip'));
    const error = (clip: 'max' | 'mse'): number => {
      const scales = scalesOf(w, 3, 'channel', clip);
      const codes = w.data.map((v, p) => {
        const s = scales[p % 2] as number;
        return Math.max(-3, Math.min(3, Math.round(v / s))) * s - v;
      });
      return codes.reduce((sum, e) => sum + e * e, 0);
    };
    expect(error('mse')).to.be.below(0.8 * error('max'));
  });

  it('refuses bits out of range, and ranges that are missing or infinite', async () => {
    const net = await calibrated(fusing);
    const { ranges } = await calibrate(net, [examples(fusing, 2)]);
    const line = (o: object): string => messageOf(() => quantize(net, o), Refusal);
    const wrong = (o: object): string => messageOf(() => quantize(net, o), UsageError);
    expect(wrong({ weights: 1 })).to.equal(
      'quantize: weights must be a number of bits: 2 to 8, 16 or 32, or a function, got 1',
    );
    expect(wrong({ activations: 9 })).to.equal(
      'quantize: activations must be a whole number from 2 to 8, or a function, got 9',
    );
    expect(line({ ranges: new Map() })).to.equal(
      'quantize: no range is known for "input"; calibrate this net with data first',
    );
    const wild = new Map<string, Range>(ranges).set('stem/act', [0, Number.POSITIVE_INFINITY]);
    expect(line({ ranges: wild })).to.equal(
      'quantize: the range of "stem/act" is 0 to Infinity; check the data',
    );
  });

  it('keeps layers in float where it is told', async () => {
    const net = await calibrated(fusing);
    const q = quantize(net, { keep: (path) => path.startsWith('head') });
    expect(q.weights.get('head/dense:kernel')?.encoding).to.equal('float32');
    expect(q.weights.get('stem/conv:kernel')?.encoding).to.equal('quantized');
  });

  it('gives a channel whose kernel is nearly zero a scale that its bias fits', async () => {
    const g = graph('tiny', input(4).dense(2));
    const net: Net = {
      graph: g,
      weights: new Map<never, Weight>([
        ['dense:kernel' as never, float([4, 2], Float32Array.of(1e-20, 1, 1e-20, 1, 0, 1, 0, 1))],
        ['dense:bias' as never, float([2], Float32Array.of(3, 3))],
      ]),
    };
    const q = quantize(net, { ranges: new Map([['input', [-1, 1]]]) });
    expect([...(await runCompiled(q, Float32Array.of(0, 0, 0, 0)))]).to.satisfy((y: number[]) =>
      y.every((v) => Math.abs(v - 3) < 1e-4),
    );
  });
});

describe('calibration', () => {
  it('finds extremes and percentiles', async () => {
    const g = graph('one', input(1).dense(1).dense(1));
    const net: Net = { graph: g, weights: init(g).weights };
    const values = Float32Array.from({ length: 10_000 }, (_, i) => (i === 0 ? 100 : (i % 100) / 100));
    const seen = async (o: object): Promise<Range> =>
      (await calibrate(net, [values.slice(0, 5000), values.slice(5000)], o)).ranges.get('input') as Range;
    const last = Math.fround(0.99);
    expect(await seen({})).to.deep.equal([0, 100]);
    const [low, high] = await seen({ method: 'percentile', percentile: 99 });
    expect(low).to.be.closeTo(0, 0.05);
    expect(high).to.be.closeTo(last, 0.06); // bins of 0.05
  });

  it('finds the range of least error: for normal values and 3 bits, some 2.3 deviations', async () => {
    const g = graph('one', input(1).dense(1).dense(1));
    const x = noise(20_000, 'normal');
    const { ranges } = await calibrate({ graph: g, weights: init(g).weights }, [x], {
      method: 'mse',
      bits: 3,
    });
    const [low, high] = ranges.get('input') as Range;
    expect(Math.max(...x)).to.be.above(3.5);
    expect(high).to.be.within(2, 2.6);
    expect(low).to.be.within(-2.6, -2);
  });

  it('means are those of the channels', async () => {
    const g = graph(
      'means',
      input(2, 2, 2)
        .pipe('a', (x) => x.conv(1))
        .pipe('b', (x) => x.conv(1)),
    );
    const net: Net = { graph: g, weights: init(g).weights };
    const { means } = await calibrate(net, [Float32Array.of(1, 10, 2, 20, 3, 30, 4, 40)]);
    expect([...(means.get('input') as Float32Array)]).to.deep.equal([2.5, 25]);
  });

  it('refuses no data, and a net that makes no numbers', async () => {
    const net = await calibrated(fusing);
    const said = async (n: Net, batches: readonly Float32Array[]): Promise<string> => {
      try {
        await calibrate(n, batches);
      } catch (e) {
        return (e as Error).message;
      }
      return 'accepted';
    };
    expect(await said(net, [])).to.equal(
      "calibration needs data; pass at least one batch of examples of the net's inputs",
    );
    const broken = examples(fusing, 1);
    broken[0] = Number.NaN;
    expect(await said(net, [broken])).to.match(
      /^residual: "input" has values that are not finite; check the net and the data$/,
    );
  });
});
