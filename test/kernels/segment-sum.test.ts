/** @file Sums by segment on every engine: which rows they take, their time, and the forms that train through them. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { graph, input } from '../../src/compose/index.ts';
import { keepShared } from '../../src/compress/shared-form.ts';
import { shareWeights } from '../../src/edit/index.ts';
import { prepare, useBackend } from '../../src/engine/index.ts';
import { fit } from '../../src/learn/train/index.ts';
import { init } from '../../src/weights/index.ts';
import { leakless } from '../support/tensors.ts';

const engines = ['onnxruntime', 'cpu', 'wasm'] as const;

describe('sums by segment', () => {
  for (const engine of engines) {
    it(`take rows of any rank, and drop those whose id is no segment: ${engine}`, async () => {
      const ready = await prepare(
        (_, { x, ids }) => ({
          state: {},
          outputs: {
            rows: tf.unsortedSegmentSum(x as tf.Tensor, ids as tf.Tensor1D, 3),
            known: tf.unsortedSegmentSum(x as tf.Tensor, tf.tensor1d([2, -1, 7, 2], 'int32'), 3),
          },
        }),
        { state: {}, inputs: { x: { shape: [4, 1, 2] }, ids: { shape: [4], dtype: 'int32' } } },
        { engine },
      );
      const x = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
      const { outputs } = await ready.run({}, { x, ids: Int32Array.of(1, -1, 3, 1) });
      await ready.release();
      expect([...(outputs['rows'] ?? [])]).to.deep.equal([0, 0, 8, 10, 0, 0]);
      expect([...(outputs['known'] ?? [])]).to.deep.equal([0, 0, 0, 0, 8, 10]);
    });
  }

  for (const engine of ['cpu', 'wasm'] as const) {
    it(`take time in proportion to their input: 100,000 numbers in 50,000 segments on ${engine}`, async () => {
      await useBackend(engine);
      const ids = Int32Array.from({ length: 100_000 }, (_, i) => (i * 7919) % 50_000);
      await leakless(() => {
        // tf's own kernel compares each number with each segment, which takes minutes
        const sums = tf.tidy(() =>
          tf.unsortedSegmentSum(tf.ones([100_000]), tf.tensor1d(ids, 'int32'), 50_000).dataSync(),
        );
        expect(new Set(sums)).to.deep.equal(new Set([2]));
      });
    });
  }

  it('train a net of shared weights alike on every engine', async () => {
    const net = shareWeights(init(graph('small', input(4, 4, 1).flatten().dense(8).relu().dense(2))), {
      clusters: 4,
    });
    const split = {
      count: 8,
      pixels: Uint8Array.from({ length: 128 }, (_, i) => (i * 37) % 256),
      labels: Uint8Array.from({ length: 8 }, (_, i) => i % 2),
    };
    const scale = { shape: [4, 4, 1] as const, mean: 0.5, std: 0.3 };
    const losses: (readonly number[])[] = [];
    for (const engine of engines) {
      const options = { steps: 3, batch: 4, rate: 0.01, engine, form: keepShared(net) };
      losses.push((await fit(net, split, scale, options)).history.loss);
    }
    for (const [i, engine] of engines.entries())
      losses[i]?.forEach((loss, step) => {
        expect(loss, `${engine}, step ${step}`).to.be.closeTo(losses[0]?.[step] ?? Number.NaN, 1e-5);
      });
  });
});
