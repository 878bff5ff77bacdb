/** @file Pruning in training: zeros that stay, zeros that come in, penalties, evidence, statistics, reconstruction. */

import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { planPruning, pruneChannels, pruneWeights, sparsityOf } from '../../src/edit/index.ts';
import { compile, latency, useBackend } from '../../src/engine/index.ts';
import { MoonletError, Refusal, UsageError } from '../../src/errors.ts';
import { graph, init, input } from '../../src/index.ts';
import { crossEntropy, crossEntropyOf, type LossMaker } from '../../src/learn/loss/index.ts';
import {
  energies,
  gradients,
  gradually,
  keepZeros,
  reconstruct,
  reestimateNorms,
  slimming,
  sparsityAt,
} from '../../src/learn/structure/index.ts';
import { batches, classification, type Scale } from '../../src/learn/task/index.ts';
import { type FitOptions, fit, sgd } from '../../src/learn/train/index.ts';
import { random } from '../../src/random.ts';
import { forward, weightTensors } from '../../src/read/tfjs/index.ts';
import { materialize, type Net, type Weight, type WeightKey } from '../../src/weights/index.ts';
import { layer } from '../support/growing.ts';
import { noise, shaken } from '../support/nets.ts';

const scale: Scale = { shape: [6, 6, 1], mean: 0.4, std: 0.3 };
const source = random('sparse');
const train = {
  count: 64,
  pixels: Uint8Array.from({ length: 64 * 36 }, () => source.below(256)),
  labels: Uint8Array.from({ length: 64 }, (_, i) => i % 3),
};
const net = (): Net =>
  shaken(
    graph(
      'sparse',
      layer(layer(input(6, 6, 1), 'first', 6), 'second', 8)
        .globalPool()
        .dense(3),
    ),
  );
const options: FitOptions = { steps: 12, batch: 16, seed: 3, rate: 0.05 };
const zeros = (n: Net, key: WeightKey): boolean[] =>
  [...materialize(n.weights.get(key) as Weight)].map((w) => w === 0);

describe('zeros through training', () => {
  it('stay where they are, and the others move', async () => {
    const pruned = pruneWeights(net(), 0.7);
    const { net: trained } = await fit(pruned, train, scale, { ...options, form: keepZeros(pruned) });
    expect(sparsityOf(trained)).to.equal(sparsityOf(pruned));
    for (const key of ['first/conv:kernel', 'second/conv:kernel', 'dense:kernel'] as const) {
      expect(zeros(trained, key)).to.deep.equal(zeros(pruned, key));
      expect(materialize(trained.weights.get(key) as Weight)).not.to.deep.equal(
        materialize(pruned.weights.get(key) as Weight),
      );
    }
  });

  it('come in by the cubic of Zhu and Gupta', () => {
    const o = { from: 0.2, to: 0.8, begin: 100, end: 500, every: 100 };
    expect(sparsityAt(99, o)).to.equal(0);
    expect(sparsityAt(100, o)).to.be.closeTo(0.2, 1e-12);
    expect(sparsityAt(250, o)).to.be.closeTo(0.8 - 0.6 * 0.75 ** 3, 1e-12);
    expect(sparsityAt(499, o)).to.be.closeTo(0.8 - 0.6 * 0.25 ** 3, 1e-12);
    expect(sparsityAt(500, o)).to.equal(0.8);
    expect(sparsityAt(9999, o)).to.equal(0.8);
  });

  it('come in while the net trains, resume to the same numbers (law 7), and never go away', async () => {
    const o = { to: 0.75, begin: 2, end: 8, every: 2 };
    const project = gradually(net(), o);
    const whole = await fit(net(), train, scale, { ...options, project });
    expect(sparsityOf(whole.net, ['second/conv:kernel'])).to.equal(0.75);
    const files = new Map<string, Uint8Array>();
    const checkpoints = {
      load: async (name: string) => files.get(name),
      save: async (name: string, bytes: Uint8Array) => void files.set(name, Uint8Array.from(bytes)),
    };
    for (const at of [3, 5, 9]) {
      const stop = new AbortController();
      await fit(net(), train, scale, {
        ...options,
        project,
        checkpoints,
        signal: stop.signal,
        onStep: ({ step }) => step === at && stop.abort(),
      });
    }
    const resumed = await fit(net(), train, scale, { ...options, project, checkpoints });
    expect(resumed.history).to.deep.equal(whole.history);
    for (const [key, w] of whole.net.weights) expect(resumed.net.weights.get(key), key).to.deep.equal(w);
  });

  it('need a schedule that is one', () => {
    expect(() => gradually(net(), { from: 0.5, to: 0.2, end: 10 })).to.throw(
      UsageError,
      'gradual pruning needs 0 <= from <= to < 1, got from 0.5 to 0.2',
    );
    expect(() => gradually(net(), { to: 0.5, begin: 10, end: 10 })).to.throw(
      UsageError,
      'gradual pruning needs 0 <= begin < end and every >= 1, got 10, 10 and 100',
    );
  });
  it('do not go with growth', async () => {
    let said = '';
    try {
      const project = gradually(net(), { to: 0.5, end: 10 });
      await fit(net(), train, scale, { ...options, project, growth: [{ at: 1, plan: { macs: 2 } }] });
    } catch (e) {
      said = (e as Error).message;
    }
    expect(said).to.match(
      /^growth changes the shapes of weights that "gradual .*" works on; do one of the two$/,
    );
  });
});

describe('network slimming', () => {
  it('draws every scale towards zero by rate times lambda, beside the loss', async () => {
    const gamma = async (...losses: readonly LossMaker[]): Promise<Float32Array> => {
      const one = { ...options, steps: 1, rate: 0.1, optimizer: sgd({ momentum: 0 }) };
      const { net: after } = await fit(net(), train, scale, { ...one, losses: [crossEntropy(), ...losses] });
      return materialize(after.weights.get('first/norm:gamma') as Weight);
    };
    const plain = await gamma();
    const before = materialize(net().weights.get('first/norm:gamma') as Weight);
    (await gamma(slimming({ weight: 0.5 }))).forEach((g, i) => {
      expect(g).to.be.closeTo((plain[i] as number) - 0.05 * Math.sign(before[i] as number), 1e-6);
    });
  });
  it('has the sum of |gamma| as its value', async () => {
    let value = 0;
    await fit(net(), train, scale, {
      ...options,
      steps: 1,
      losses: [crossEntropy(), slimming()],
      onStep: ({ losses }) => {
        value = losses['slimming'] ?? 0;
      },
    });
    const sum = (['first/norm:gamma', 'second/norm:gamma'] as const).reduce(
      (s, key) => s + materialize(net().weights.get(key) as Weight).reduce((a, b) => a + Math.abs(b), 0),
      0,
    );
    expect(value).to.be.closeTo(sum, 1e-4);
  });
  it('needs scales', () => {
    const bare = graph('bare', input(2).dense(2));
    expect(() => slimming()({ student: bare })).to.throw(
      Refusal,
      'bare: slimming needs batch norms with a scale, and it has none',
    );
  });
});

describe('evidence', () => {
  before(() => useBackend('wasm'));

  it('gradients are those of the loss on the first batches', async () => {
    const found = await gradients(net(), classification(train, scale, {}), {
      batches: 2,
      batch: 16,
      seed: 3,
    });
    expect(found).to.have.length(2);
    const batch = batches(train, scale, { batch: 16, seed: 3 })(1);
    const { graph: g, weights } = net();
    const key = 'second/norm:gamma';
    const expected = tf.tidy(() => {
      const constants = weightTensors(weights);
      const x = tf.tensor(batch.x, [16, 6, 6, 1]);
      return tf
        .grad((gamma) => {
          const { values } = forward(g, { ...constants, [key]: gamma }, x, { training: true });
          return crossEntropyOf(
            values.get('dense') as tf.Tensor2D,
            tf.tensor1d(batch.targets.labels, 'int32'),
            3,
          );
        })(constants[key] as tf.Tensor)
        .dataSync();
    });
    found[1]?.get(key)?.forEach((v, i) => {
      expect(v).to.be.closeTo(expected[i] as number, 1e-5);
    });
    // and they are what `taylor` takes
    expect(
      planPruning(net(), { by: 'taylor', gradients: found, scope: 'global' }).moves,
    ).to.have.length.above(5);
  });

  it('energies are mean squares by channel', async () => {
    const x = noise(5 * 36, 'energies');
    const found = await energies(net(), x);
    expect([...found.keys()]).to.deep.equal(['input', 'first/act', 'globalPool']);
    const mean = x.reduce((s, v) => s + v * v, 0) / x.length;
    expect(found.get('input')?.[0]).to.be.closeTo(mean, 1e-6);
    expect(found.get('first/act')).to.have.length(6);
  });

  it('latency is a time', async () => {
    expect(await latency(net(), { runs: 3 })).to.be.above(0);
  });
});

describe('norm statistics measured anew', () => {
  it('are the means over batches of what each batch has', async () => {
    const [a, b] = [noise(8 * 36, 'a'), noise(8 * 36, 'b')];
    const { weights } = await reestimateNorms(net(), [a, b]);
    // the first norm reads the first conv: its values in inference, by batch
    const compiled = await compile(net(), { values: ['first/conv'] });
    const moments = async (x: Float32Array): Promise<[number, number]> => {
      const data = [...((await compiled.run(x)).get('first/conv') as Float32Array)].filter(
        (_, i) => i % 6 === 2,
      );
      const mean = data.reduce((s, v) => s + v, 0) / data.length;
      return [mean, data.reduce((s, v) => s + (v - mean) ** 2, 0) / data.length];
    };
    const [[m1, v1], [m2, v2]] = [await moments(a), await moments(b)];
    await compiled.release();
    expect(materialize(weights.get('first/norm:mean') as Weight)[2]).to.be.closeTo((m1 + m2) / 2, 1e-5);
    expect(materialize(weights.get('first/norm:variance') as Weight)[2]).to.be.closeTo((v1 + v2) / 2, 1e-5);
    for (const key of ['first/conv:kernel', 'first/norm:gamma', 'dense:bias'] as const)
      expect(weights.get(key)).to.deep.equal(net().weights.get(key));
  });
  it('need whole batches of one size', async () => {
    for (const wrong of [[], [new Float32Array(7)], [new Float32Array(36), new Float32Array(72)]]) {
      let error: unknown;
      try {
        await reestimateNorms(net(), wrong);
      } catch (e) {
        error = e;
      }
      expect(error).to.be.instanceOf(MoonletError);
      expect((error as Error).message).to.equal(
        'sparse: norm statistics need batches of whole examples of 6 x 6 x 1, all of one size',
      );
    }
  });
});

describe('reconstruction', () => {
  const x = noise(64 * 36, 'reconstruct');
  it('never raises the error of a layer, and brings the pruned net nearer to the old one', async () => {
    const old = net();
    const pruned = pruneChannels(old, { ratio: 0.4 });
    const seen: [string, number, number][] = [];
    const fitted = await reconstruct(old, pruned, x, { onLayer: (...at) => seen.push(at) });
    expect(seen.map(([id]) => id)).to.deep.equal(['second/conv', 'dense']);
    for (const [id, before, after] of seen) expect(after, id).to.be.below(before);
    const outputs = async (n: Net): Promise<Float32Array> => {
      const compiled = await compile(n);
      const { dense } = Object.fromEntries(await compiled.run(x));
      await compiled.release();
      return dense as Float32Array;
    };
    const wanted = await outputs(old);
    const error = async (n: Net): Promise<number> =>
      (await outputs(n)).reduce((s, v, i) => s + (v - (wanted[i] as number)) ** 2, 0);
    expect(await error(fitted)).to.be.below(0.5 * (await error(pruned.net)));
  });
  it('makes up for a copied channel to rounding', async () => {
    // the second half of the first layer's channels are the first half again: what reads them can do without
    const twins = net();
    const weights = new Map(twins.weights);
    for (const slot of [
      'first/conv:kernel',
      'first/norm:gamma',
      'first/norm:beta',
      'first/norm:mean',
      'first/norm:variance',
    ] as const) {
      const w = twins.weights.get(slot) as Weight;
      const data = materialize(w).map((_, i, all) => all[i % 6 < 3 ? i : i - 3] as number);
      weights.set(slot, { encoding: 'float32', shape: w.shape, data });
    }
    const old = { ...twins, weights };
    const pruned = pruneChannels(
      old,
      { ratio: 0.5 },
      {
        only: ['first'],
        by: new Map(
          [...(planPruning(old).channels.of.get('first/conv') as Int32Array)].map((id, i) => [
            id,
            i < 3 ? 1 : 0,
          ]),
        ),
      },
    );
    const after: number[] = [];
    await reconstruct(old, pruned, x, {
      ridge: 1e-9,
      onLayer: (_, before, rest) => after.push(rest / before),
    });
    expect(after[0]).to.be.below(1e-8);
  });
  it('fits alike on an engine without float64, and says how far it is', async () => {
    const old = net();
    const pruned = pruneChannels(old, { ratio: 0.4 });
    const progress: [number, number][] = [];
    const fitted = await reconstruct(old, pruned, x, { onProgress: (...at) => progress.push(at) });
    expect(progress).to.deep.equal([
      [0, 2],
      [1, 2],
      [2, 2],
    ]);
    const plain = await reconstruct(old, pruned, x, { engine: 'cpu' });
    for (const [key, w] of fitted.weights) {
      const [a, b] = [materialize(w), materialize(plain.weights.get(key) as Weight)];
      const scale = a.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
      a.forEach((v, i) => {
        expect(b[i], key).to.be.closeTo(v, 1e-4 * scale);
      });
    }
  });
  it('refuses options out of range, and examples that are none', async () => {
    const old = net();
    const pruned = pruneChannels(old, { ratio: 0.4 });
    for (const [o, said] of [
      [{ places: 0 }, 'reconstruct: places must be a whole number from 1 up, got 0'],
      [{ ridge: Number.NaN }, 'reconstruct: ridge must be a number above 0, got NaN'],
    ] as const) {
      const error = await reconstruct(old, pruned, x, o).catch((e: unknown) => e);
      expect(error).to.be.instanceOf(UsageError);
      expect((error as Error).message).to.equal(said);
    }
    const error = await reconstruct(old, pruned, x.subarray(1)).catch((e: unknown) => e);
    expect((error as Error).message).to.equal(
      'reconstruct: expects whole examples of 6 x 6 x 1 = 36 values, got 2303',
    );
  });
  it('leaves a net that lost nothing as it is', async () => {
    const old = init(net().graph);
    expect(await reconstruct(old, { net: old, maps: new Map() }, x)).to.equal(old);
  });
});
