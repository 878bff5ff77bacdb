/** @file Few bits: learned steps and their gradients, bits by layer, and mixed precision within a budget. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { roundAdaptively } from '../../src/compress/adaptive-rounding.ts';
import {
  learnedSteps,
  mixedPrecision,
  quantizationSensitivity,
  quantizeByData,
  quantizedForm,
} from '../../src/compress/index.ts';
import { chosen, type KernelChoice } from '../../src/compress/mixed-precision.ts';
import { scalesOf } from '../../src/edit/quantize/index.ts';
import { endsOf } from '../../src/edit/quantize/layers.ts';
import { runModel } from '../../src/engine/index.ts';
import { toOnnx } from '../../src/export/index.ts';
import { graph, input, MoonletError, quantize, Refusal, UsageError } from '../../src/index.ts';
import { fit, sgd } from '../../src/learn/train/index.ts';
import { random } from '../../src/random.ts';
import { float, init, materialize, type Net, quantized, type Weight } from '../../src/weights/index.ts';
import { calibrated } from '../support/calibrated.ts';
import { messageOf } from '../support/errors.ts';
import { examples, largestDifference, noise } from '../support/nets.ts';
import { fc } from '../support/property.ts';
import { runCompiled } from '../support/run.ts';
import { leakless, useCpu } from '../support/tensors.ts';

const g = graph(
  'small',
  input(4, 4, 4)
    .pipe('stem', (x) => x.conv(8, { kernel: 3 }).relu())
    .pipe('body', (x) => x.conv(8, { kernel: 3 }).relu())
    .pipe('head', (x) => x.globalPool().dense(2)),
);
const ranges = new Map(g.nodes.map((n) => [n.id, [-1, 1] as const]));
const source = random('low bits');
const train = {
  count: 32,
  pixels: Uint8Array.from({ length: 32 * 64 }, () => source.below(256)),
  labels: Uint8Array.from({ length: 32 }, (_, i) => i % 2),
};
const scale = { shape: [4, 4, 4] as const, mean: 0.5, std: 0.3 };

/** The gradients of sum(dy f(x)) by x and by the step. */
async function gradients(
  run: (x: tf.Tensor, step: tf.Tensor) => tf.Tensor,
  x: tf.Tensor,
  step: number[],
  dy: tf.Tensor,
): Promise<{ readonly y: number[]; readonly dx: number[]; readonly ds: number[] }> {
  return leakless(() =>
    tf.tidy(() => {
      const s = tf.tensor1d(step);
      const [dx, ds] = tf.grads((a, b) => tf.sum(tf.mul(run(a, b), dy)))([x, s]) as [tf.Tensor, tf.Tensor];
      return { y: [...run(x, s).dataSync()], dx: [...dx.dataSync()], ds: [...ds.dataSync()] };
    }),
  );
}

describe('learned steps', () => {
  before(useCpu);

  it('of a kernel have the gradient of equation 3, divided by sqrt(n Qp), for each channel', async () => {
    const net: Net = {
      graph: graph('one', input(3).dense(2, { bias: false })),
      weights: new Map([['dense:kernel', float([3, 2], Float32Array.of(0.6, 1, -0.3, 9, 4, -9))]]),
    };
    const form = learnedSteps(quantize(net, { weights: 3 })); // codes -3 to 3
    const x = tf.tensor2d([0.6, 1, -0.3, 9, 4, -9], [3, 2]);
    const dy = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]);
    const through = (w: tf.Tensor, s: tf.Tensor): tf.Tensor => form.through('dense:kernel', w, () => s);
    const { y, dx, ds } = await gradients(through, x, [0.5, 2], dy);
    expect(y).to.deep.equal([0.5, 0, -0.5, 6, 1.5, -6]);
    // x / s: 1.2, -0.6, 8 (clipped) and 0.5, 4.5 (clipped), -4.5 (clipped)
    expect(dx).to.deep.equal([1, 2, 3, 0, 0, 0]);
    const share = 1 / Math.sqrt(3 * 3);
    const first = 1 * (1 - 1.2) + 3 * (-1 + 0.6) + 5 * 3;
    const second = 2 * (0 - 0.5) + 4 * 3 + 6 * -3;
    expect(ds[0]).to.be.closeTo(first * share, 1e-5);
    expect(ds[1]).to.be.closeTo(second * share, 1e-5);
    x.dispose();
    dy.dispose();
  });

  it('of a value too, with its zero point; n is the number of values of an example', async () => {
    const net = quantize(init(g), { weights: 4, activations: 2, ranges });
    const form = learnedSteps(net);
    const node = net.graph.nodes.find((n) => n.op.kind === 'quantize')!;
    if (node.op.kind !== 'quantize') throw new Error('no rounding');
    const { op } = node; // zero 1 of codes 0 to 3, so -1 to 2 steps
    expect(op.zero).to.equal(1);
    const x = tf.tensor1d([-9, -0.4, 0.3, 9]);
    const dy = tf.tensor1d([1, 2, 3, 4]);
    const run = (v: tf.Tensor, s: tf.Tensor): tf.Tensor => form.rounding!(node.id, op, v, () => s)!;
    const { y, dx, ds } = await gradients(run, x, [0.5], dy);
    expect(y).to.deep.equal([-0.5, -0.5, 0.5, 1]);
    expect(dx).to.deep.equal([0, 2, 3, 0]);
    const sum = 1 * -1 + 2 * (-1 + 0.8) + 3 * (1 - 0.6) + 4 * 2;
    expect(ds[0]).to.be.closeTo(sum / Math.sqrt(64 * 2), 1e-5);
    x.dispose();
    dy.dispose();
  });

  it('that an update carries past zero count by their magnitude, and can come back', async () => {
    const net = quantize(init(g), { weights: 4, activations: 2, ranges });
    const form = learnedSteps(net);
    const node = net.graph.nodes.find((n) => n.op.kind === 'quantize')!;
    if (node.op.kind !== 'quantize') throw new Error('no rounding');
    const { op } = node;
    const x = tf.tensor1d([-9, -0.4, 0.3, 9]);
    const dy = tf.tensor1d([1, 2, 3, 4]);
    const run = (v: tf.Tensor, s: tf.Tensor): tf.Tensor => form.rounding!(node.id, op, v, () => s)!;
    const [plus, minus] = [await gradients(run, x, [0.5], dy), await gradients(run, x, [-0.5], dy)];
    expect(minus.y).to.deep.equal(plus.y);
    expect(minus.dx).to.deep.equal(plus.dx);
    expect(minus.ds[0]).to.equal(-plus.ds[0]!).and.not.equal(0);
    // a step that became exactly zero has a gradient as well
    const zero = await gradients(run, x, [0], dy);
    expect(Math.abs(zero.ds[0]!)).to.be.above(1e-3);
    const steps = new Map([...form.parameters!].map(([name, w]) => [name, materialize(w).map((v) => -v)]));
    const settled = form.settle!(net, steps);
    const scalesNow = (n: Net): readonly number[] =>
      n.graph.nodes.flatMap((m) => (m.op.kind === 'quantize' ? [Math.fround(m.op.scale)] : []));
    expect(scalesNow(settled)).to.deep.equal(scalesNow(net));
    x.dispose();
    dy.dispose();
  });

  it('what training sees is what comes out; steps and kernels move, biases stay on their steps, the loss falls', async () => {
    const start = quantize(init(g), { weights: 3, activations: 4, ranges });
    const form = quantizedForm(start, { kind: 'learned' });
    const o = { batch: 16, optimizer: sgd({ momentum: 0 }) };
    const still = await fit(start, train, scale, { ...o, rate: 0, steps: 1 });
    const seen = await fit(start, train, scale, { ...o, rate: 0, steps: 1, form });
    expect(seen.history.loss[0]).to.be.closeTo(still.history.loss[0]!, 1e-5);
    const { net, history } = await fit(start, train, scale, { ...o, rate: 0.1, steps: 40, form });
    const mean = (part: readonly number[]): number => part.reduce((a, b) => a + b) / part.length;
    expect(mean(history.loss.slice(-4))).to.be.below(mean(history.loss.slice(0, 4)));
    const [before, after] = [start, net].map((n) => ({
      scales: [...n.weights.values()].flatMap((w) => (w.encoding === 'quantized' ? [...w.scales] : [])),
      steps: n.graph.nodes.flatMap(({ op }) => (op.kind === 'quantize' ? [op.scale] : [])),
    }));
    expect(after!.scales).not.to.deep.equal(before!.scales);
    expect(after!.steps).not.to.deep.equal(before!.steps);
    const again = await fit(net, train, scale, { ...o, rate: 0, steps: 1 });
    const formed = await fit(net, train, scale, { ...o, rate: 0, steps: 1, form: learnedSteps(net) });
    expect(formed.history.loss[0]).to.be.closeTo(again.history.loss[0]!, 1e-5);
  });

  it('are refused for a net of floats', async () => {
    expect(messageOf(() => learnedSteps(init(g)), UsageError)).to.contain('quantize the net first');
  });
});

describe('bits by layer', () => {
  const bitsOf = (n: Net): Record<string, number> =>
    Object.fromEntries(
      [...n.weights].flatMap(([key, w]) => (w.encoding === 'quantized' ? [[key, w.bits]] : [])),
    );

  it('are those of a function, and others at the ends', () => {
    expect([...endsOf(g).layers]).to.deep.equal(['stem/conv', 'head/dense']);
    expect([...endsOf(g).values]).to.deep.equal(['input', 'head/globalPool']);
    const net = quantize(init(g), { weights: 4, activations: 3, ends: 8, ranges });
    expect(bitsOf(net)).to.deep.equal({
      'stem/conv:kernel': 8,
      'body/conv:kernel': 4,
      'head/dense:kernel': 8,
    });
    const values = net.graph.nodes.flatMap(({ op, inputs }) =>
      op.kind === 'quantize' ? [[inputs[0], op.bits]] : [],
    );
    expect(Object.fromEntries(values)).to.include({ input: 8, 'stem/act': 3, 'head/globalPool': 8 });
    const own = quantize(init(g), { weights: (path) => (path.startsWith('body') ? 2 : 5) });
    expect(bitsOf(own)).to.deep.equal({
      'stem/conv:kernel': 5,
      'body/conv:kernel': 2,
      'head/dense:kernel': 5,
    });
  });

  it('are refused where a function gives none, or a value has others already', async () => {
    expect(messageOf(() => quantize(init(g), { weights: () => 9 }), UsageError)).to.contain(
      'weights of "stem/conv" must be a number of bits: 2 to 8, 16 or 32, got 9',
    );
    const net = quantize(init(g), { activations: 4, ranges });
    expect(messageOf(() => quantize(net, { activations: 8, ranges }), Refusal)).to.contain(
      'already rounds to 4 bits',
    );
  });
});

describe('mixed precision', () => {
  it('has no more error than any other choice of the same bytes, on convex choices', () => {
    const choice = fc
      .tuple(
        fc.integer({ min: 1, max: 9 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 2 }),
      )
      .map(([size, [a = 1, b = 1]]): readonly KernelChoice[] => {
        // errors grow faster towards few bits
        const [small, large] = [Math.min(a, b), Math.max(a, b)];
        return [
          { bits: 8, bytes: 4 * size, error: 0 },
          { bits: 4, bytes: 2 * size, error: small * size },
          { bits: 2, bytes: size, error: small * size + large * size },
        ];
      });
    fc.assert(
      fc.property(
        fc.array(choice, { minLength: 1, maxLength: 4 }),
        fc.double({ min: 0.25, max: 1, noNaN: true }),
        (all, share) => {
          const measured = new Map(all.map((c, i) => [`${i}`, c]));
          const most = all.reduce((sum, [c]) => sum + c!.bytes, 0);
          const got = chosen(measured, Math.ceil(share * most));
          expect(got.bytes).to.be.at.most(Math.ceil(share * most));
          const every = all.reduce<readonly (readonly KernelChoice[])[]>(
            (sets, choices) => sets.flatMap((s) => choices.map((c) => [...s, c])),
            [[]],
          );
          const least = Math.min(
            ...every
              .filter((s) => s.reduce((n, c) => n + c.bytes, 0) <= got.bytes)
              .map((s) => s.reduce((n, c) => n + c.error, 0)),
          );
          expect(got.error).to.be.closeTo(least, 1e-9);
        },
      ),
    );
  });

  it('measures each kernel, and stays within its bytes', async () => {
    const net = init(g, { seed: 1 });
    const x = examples(g, 8);
    const { bits, bytes, measured } = await mixedPrecision(net, x, { bytes: 500 });
    expect(bytes).to.be.at.most(500);
    expect([...bits.keys()]).to.deep.equal(['stem/conv', 'body/conv', 'head/dense']);
    for (const choices of measured.values()) {
      expect(choices.map((c) => c.bits)).to.deep.equal([8, 4, 2]);
      expect(choices[2]!.error).to.be.above(choices[0]!.error);
    }
    const small = quantize(net, { weights: (path) => bits.get(path)! });
    expect(small.weights.size).to.equal(net.weights.size);
    const refusal = await mixedPrecision(net, x, { bytes: 100 }).then(
      () => 'nothing was thrown',
      (e: unknown) => (e instanceof MoonletError ? e.message : 'another error'),
    );
    expect(refusal).to.contain('allow more bytes');
  });

  it('leaves kernels in half precision or floats where the budget allows, in codes elsewhere', async () => {
    const net = await calibrated(g);
    const x = examples(g, 8);
    const floats = await mixedPrecision(net, x, { bytes: 1e6, choices: [8, 16, 32] });
    expect([...floats.bits.values()]).to.deep.equal([32, 32, 32]);
    const { measured } = floats;
    for (const [at32, at16, at8] of measured.values()) {
      expect(at32).to.include({ bits: 32, error: 0 });
      expect(at16!.bytes).to.equal(at32!.bytes / 2);
      expect(at8!.error).to.be.above(at16!.error);
    }
    // a byte less than all in halves: one kernel has codes
    const halves = [...measured.values()].reduce((sum, [, at16]) => sum + at16!.bytes, 0);
    const { bits } = await mixedPrecision(net, x, { bytes: halves - 1, choices: [8, 16] });
    expect([...bits.values()].filter((b) => b === 8)).to.have.length(1);
    const mixed = await quantizeByData(net, [x], { weights: (path) => bits.get(path)! });
    for (const [path, b] of bits)
      expect(mixed.weights.get(`${path}:kernel`)?.encoding).to.equal(b === 8 ? 'quantized' : 'float16');
    // the exported net is the simulated one, within a step of its outputs
    const [inFile] = await runModel(toOnnx(mixed), x, 8);
    expect(largestDifference(inFile!, await runCompiled(mixed, x))).to.be.below(0.02);
    const wrong = await mixedPrecision(net, x, { bytes: 1e6, choices: [8, 12] }).then(
      () => '',
      (e: Error) => e.message,
    );
    expect(wrong).to.equal(
      'mixedPrecision: each of the choices must be a number of bits: 2 to 8, 16 or 32, got 12',
    );
    expect(() => quantize(net, { weights: () => 12 })).to.throw(
      'quantize: weights of "stem/conv" must be a number of bits: 2 to 8, 16 or 32, got 12',
    );
  });
});

describe('the sensitivity to quantization', () => {
  it('is the error of each kernel and each value alone, the largest first', async () => {
    const net = await calibrated(g);
    const x = examples(g, 8);
    const found = await quantizationSensitivity(net, [x], { weights: 3 });
    const whole = await quantizeByData(net, [x], { weights: 3 });
    const expected = await runCompiled(net, x);
    const mean = expected.reduce((sum, v) => sum + v, 0) / expected.length;
    const variance = expected.reduce((sum, v) => sum + (v - mean) ** 2, 0);
    expect(found.kernels.map((k) => k.id).sort()).to.deep.equal(['body/conv', 'head/dense', 'stem/conv']);
    for (const { id, error } of found.kernels) {
      const key = `${id}:kernel` as const;
      const weights = new Map(net.weights).set(key, whole.weights.get(key)!);
      const got = await runCompiled({ graph: net.graph, weights }, x);
      const squares = got.reduce((sum, v, i) => sum + (v - expected[i]!) ** 2, 0);
      expect(error).to.be.closeTo(squares / variance, 1e-4 * error);
    }
    for (const list of [found.kernels, found.values])
      expect(list.map((s) => s.error)).to.deep.equal(list.map((s) => s.error).toSorted((a, b) => b - a));
    expect(found.values.map((v) => v.id).sort()).to.deep.equal(
      whole.graph.nodes.flatMap((n) => (n.op.kind === 'quantize' ? [n.id] : [])).sort(),
    );
    expect(found.values.every((v) => v.error > 0)).to.equal(true);
    const fine = await quantizationSensitivity(net, [x], { weights: 8, values: false });
    expect(fine.values).to.deep.equal([]);
    expect(fine.kernels[0]!.error).to.be.below(found.kernels[0]!.error / 50);
  });
});

describe('adaptive rounding', () => {
  it('has less error in the outputs than nearest codes, and codes next to the weights', async () => {
    const [rows, channels] = [18, 6];
    const kernel = float([rows, channels], noise(rows * channels, 'adaptive'));
    // inputs that share a part, so that errors of different weights can cancel
    const inputs = Array.from({ length: 80 }, (_, n) => {
      const own = noise(rows + 1, 'inputs', n);
      return Array.from({ length: rows }, (_, i) => own[i]! + own[rows]!);
    });
    const mean = Float32Array.from(
      { length: rows },
      (_, i) => inputs.reduce((sum, x) => sum + x[i]!, 0) / 80,
    );
    const covariance = new Float32Array(rows * rows);
    for (const x of inputs)
      for (let p = 0; p < rows * rows; p++) {
        const [i, j] = [Math.floor(p / rows), p % rows];
        covariance[p]! += ((x[i]! - mean[i]!) * (x[j]! - mean[j]!)) / 80;
      }
    const errorOf = (w: Weight): number => {
      const e = materialize(w).map((v, p) => v - kernel.data[p]!);
      let sum = 0;
      for (let p = 0; p < rows * rows; p++)
        for (let c = 0; c < channels; c++)
          sum += covariance[p]! * e[Math.floor(p / rows) * channels + c]! * e[(p % rows) * channels + c]!;
      return sum;
    };
    const o = { bits: 3, scales: scalesOf(kernel, 3, 'channel', 'max') };
    const codes = await roundAdaptively(kernel, [{ mean, covariance }], { ...o, steps: 200 });
    expect(errorOf(codes)).to.be.below(0.8 * errorOf(quantized(kernel, o)));
    materialize(codes).forEach((v, p) => {
      expect(Math.abs(v - kernel.data[p]!)).to.be.at.most(o.scales[p % channels]! * 1.0001);
    });
  });
});
