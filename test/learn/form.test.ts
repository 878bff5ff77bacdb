/** @file Forms of weights in training: what the net sees, what gradients come back, what comes out. */

import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { graph, init, input } from '../../src/index.ts';
import type { Scale } from '../../src/learn/task/index.ts';
import { type Form, fit, inTurn, sgd } from '../../src/learn/train/index.ts';
import { random } from '../../src/random.ts';
import { float, materialize, type Net, type WeightKey } from '../../src/weights/index.ts';

const scale: Scale = { shape: [4, 4, 1], mean: 0, std: 1 };
const source = random('form');
const train = {
  count: 32,
  pixels: Uint8Array.from({ length: 32 * 16 }, () => source.below(256)),
  labels: Uint8Array.from({ length: 32 }, (_, i) => i % 2),
};
const start = (): Net =>
  init(
    graph(
      'small',
      input(4, 4, 1)
        .pipe('stem', (x) => x.conv(3, { kernel: 3 }).relu())
        .pipe('head', (x) => x.globalPool().dense(2)),
    ),
  );
const key: WeightKey = 'stem/conv:kernel';
const kernel = (net: Net): Float32Array => materialize(net.weights.get(key) as never);
const withKernel = (net: Net, data: Float32Array): Net => ({
  ...net,
  weights: new Map(net.weights).set(key, float(net.weights.get(key)?.shape ?? [], data)),
});
const o = { steps: 4, batch: 16, rate: 0.1, optimizer: sgd({ momentum: 0.9, weightDecay: 0.01 }) };
const keep = Float32Array.from({ length: 27 }, (_, i) => (i % 3 ? 1 : 0));

/** Every third number of the kernel is zero. */
const masked: Form = {
  name: 'masked',
  through: (k, w) => (k === key ? tf.mul(w, tf.tensor(keep, [3, 3, 1, 3])) : w),
  settle: (net) =>
    withKernel(
      net,
      kernel(net).map((v, i) => v * (keep[i] as number)),
    ),
};
/** The kernel is a direction times a trained length. */
const scaled: Form = {
  name: 'scaled',
  parameters: new Map([['length', float([1], Float32Array.of(2))]]),
  through: (k, w, parameter) => (k === key ? tf.mul(w, parameter('length')) : w),
  settle: (net, parameters) =>
    withKernel(
      net,
      kernel(net).map((v) => v * ((parameters.get('length') as Float32Array)[0] as number)),
    ),
};

describe('a form', () => {
  it('of masked weights trains the others as if the masked ones were none', async () => {
    const { net } = await fit(start(), train, scale, { ...o, form: masked });
    kernel(net).forEach((v, i) => {
      expect(v === 0).to.equal(keep[i] === 0);
    });
    // with the zeros in place, a plain step moves the others by the same
    const plain = await fit(masked.settle(start(), new Map()), train, scale, { ...o, steps: 1 });
    const one = await fit(start(), train, scale, { ...o, steps: 1, form: masked });
    kernel(one.net).forEach((v, i) => {
      if (keep[i]) expect(v).to.be.closeTo(kernel(plain.net)[i] as number, 1e-6);
    });
  });

  it('trains numbers of its own, and gives them to the net that comes out', async () => {
    const { net, history } = await fit(start(), train, scale, { ...o, form: scaled });
    const first = (await fit(start(), train, scale, { ...o, steps: 1, rate: 0, form: scaled })).net;
    kernel(first).forEach((v, i) => {
      expect(v).to.be.closeTo(2 * (kernel(start())[i] as number), 1e-6);
    });
    // the loss of the first step is that of the net as the form shows it
    const shown = await fit(
      scaled.settle(start(), new Map([['length', Float32Array.of(2)]])),
      train,
      scale,
      o,
    );
    expect(history.loss[0]).to.be.closeTo(shown.history.loss[0] as number, 1e-6);
    expect(kernel(net)).not.to.deep.equal(kernel(first));
  });

  it('resumes with its numbers (law 7)', async () => {
    const whole = await fit(start(), train, scale, { ...o, form: scaled });
    const files = new Map<string, Uint8Array>();
    const checkpoints = {
      load: async (name: string) => files.get(name),
      save: async (name: string, bytes: Uint8Array) => void files.set(name, Uint8Array.from(bytes)),
    };
    const stop = new AbortController();
    await fit(start(), train, scale, {
      ...o,
      form: scaled,
      checkpoints,
      signal: stop.signal,
      onStep: ({ step }) => step === 2 && stop.abort(),
    });
    const resumed = await fit(start(), train, scale, { ...o, form: scaled, checkpoints });
    expect(resumed.history).to.deep.equal(whole.history);
    expect(kernel(resumed.net)).to.deep.equal(kernel(whole.net));
  });

  it('follows another: the net sees both', async () => {
    const both = inTurn(masked, scaled);
    expect(both.name).to.equal('masked, scaled');
    const { net } = await fit(start(), train, scale, { ...o, steps: 1, rate: 0, form: both });
    kernel(net).forEach((v, i) => {
      expect(v).to.be.closeTo(2 * (kernel(start())[i] as number) * (keep[i] as number), 1e-6);
    });
  });

  it('does not go with growth', async () => {
    let said = '';
    try {
      await fit(start(), train, scale, { ...o, form: masked, growth: [{ at: 1, plan: { macs: 2 } }] });
    } catch (e) {
      said = (e as Error).message;
    }
    expect(said).to.equal(
      'growth changes the shapes of weights that the form "masked" holds; do one of the two',
    );
  });
});
