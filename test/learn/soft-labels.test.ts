/** @file Losses on mixed labels: the mean of two cross-entropies by their shares; refusals; teachers and their cache; resuming. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useBackend } from '../../src/engine/index.ts';
import { crd } from '../../src/learn/distill/crd.ts';
import { one } from '../../src/learn/distill/one.ts';
import { rocket } from '../../src/learn/distill/rocket.ts';
import { softTargets } from '../../src/learn/distill/soft-targets.ts';
import { crossEntropy, crossEntropyOf, type LossMaker, taughtBy } from '../../src/learn/loss/index.ts';
import { augmentPresets } from '../../src/learn/task/augment.ts';
import { classification, type Task } from '../../src/learn/task/index.ts';
import { rank2 } from '../../src/learn/tensors.ts';
import { runIdentity } from '../../src/learn/train/identity.ts';
import { type FitOptions, fit, fitTask, memoryCache } from '../../src/learn/train/index.ts';
import { materialize } from '../../src/weights/index.ts';
import { corners, cornersNet, cornersScale, memoryStore } from '../support/corners.ts';
import { line } from '../support/refused.ts';

const [train, validation] = [corners(48, 1), corners(24, 2)];
const mix = { mixup: 1, cutmix: 1 };
before(() => useBackend('cpu'));

describe('losses on mixed labels', () => {
  it('of cross-entropy are the mean of both labels by their shares, smoothed alike', () => {
    const value = (labels: tf.Tensor1D | tf.Tensor2D, smoothing: number): number => {
      const logits = tf.tensor2d([1, 0, -1, 2, 2, 0.5, 0, -3], [2, 4]);
      return Number(crossEntropyOf(logits, labels, 4, smoothing).dataSync()[0]);
    };
    const shares = tf.tensor2d([0.7, 0, 0, 0.3, 0, 0.6, 0.4, 0], [2, 4]);
    for (const smoothing of [0, 0.1]) {
      const each = (label: number, row: number): number => {
        const logits = [
          [1, 0, -1, 2],
          [2, 0.5, 0, -3],
        ][row]!;
        const total = Math.log(logits.reduce((sum, z) => sum + Math.exp(z), 0));
        const hard = total - logits[label]!;
        const even = total - logits.reduce((sum, z) => sum + z, 0) / 4;
        return (1 - smoothing) * hard + smoothing * even;
      };
      const expected = (0.7 * each(0, 0) + 0.3 * each(3, 0) + 0.6 * each(1, 1) + 0.4 * each(2, 1)) / 2;
      expect(value(shares, smoothing)).to.be.closeTo(expected, 1e-6);
      expect(value(tf.tensor1d([0, 1], 'int32'), smoothing)).to.be.closeTo(
        (each(0, 0) + each(1, 1)) / 2,
        1e-6,
      );
    }
  });

  it('train a net in a traced step as in an eager one, and count guesses of the larger share', async () => {
    const o: FitOptions = { steps: 4, batch: 8, seed: 2, augment: { mix }, rate: 0.05 };
    const seen: number[] = [];
    const of = async (engine: 'onnxruntime' | 'cpu') => {
      const { history } = await fit(cornersNet(), train, cornersScale, {
        ...{ ...o, engine },
        onStep: ({ accuracy = -1 }) => seen.push(accuracy),
      });
      return history.loss;
    };
    const [traced, eager] = [await of('onnxruntime'), await of('cpu')];
    traced.forEach((loss, i) => {
      expect(loss).to.be.closeTo(eager[i]!, 1e-4);
    });
    expect(seen.every((v) => v >= 0 && v <= 1)).to.equal(true);
    // and the loss of the first step is that of its batch
    const { x, targets } = classification(train, cornersScale, o).batches({ batch: 8, seed: 2 })(0);
    if (!('shares' in targets)) throw new Error('no shares');
    expect([...targets.shares].every((s) => s >= 0.5 && s <= 1)).to.equal(true);
    expect(x).to.have.length(8 * 36);
  });

  it('are read by the losses that read labels', async () => {
    const makers: Readonly<Record<string, LossMaker>> = {
      'cross-entropy': crossEntropy({ labelSmoothing: 0.1 }),
      one: one({ branches: 2 }),
      rocket: rocket({ booster: cornersNet(1, 6).graph, share: null }),
    };
    for (const [name, maker] of Object.entries(makers)) {
      const { history } = await fit(cornersNet(), train, cornersScale, {
        ...{ steps: 2, batch: 8, augment: { mix }, losses: [maker] },
      });
      expect(history.loss.every(Number.isFinite), name).to.equal(true);
    }
  });

  it('are refused by name where a loss reads one label', async () => {
    const hard: LossMaker = () => ({
      ...{ name: 'hard', weight: 1, student: ['head/dense'], targets: ['labels'] },
      compute: ({ student, labels }) => crossEntropyOf(rank2(student('head/dense')), labels, 4),
    });
    const o = { steps: 2, batch: 8, losses: [hard] };
    expect(await line(() => fit(cornersNet(), train, cornersScale, { ...o, augment: { mix } }))).to.equal(
      'corners: the loss hard reads one label of an image, and mixup and CutMix give shares of two; leave augment.mix out, or this loss',
    );
    expect((await fit(cornersNet(), train, cornersScale, o)).finished).to.equal(true);
  });

  it('are refused by name where a loss keeps a value of each image', async () => {
    const o: FitOptions = {
      ...{ steps: 2, batch: 8, augment: { mix }, teacher: cornersNet(1, 6) },
      losses: [crossEntropy(), crd({ length: 4, count: 8, negatives: 'all' })],
    };
    expect(await line(() => fit(cornersNet(), train, cornersScale, o))).to.equal(
      'corners: the loss crd keeps a value of each training image, and mixup and CutMix make images of two; leave augment.mix out, or this loss',
    );
  });
});

describe('mixed images', () => {
  it('are what the teacher sees: its cache is not used, and the run says so', async () => {
    const cache = memoryCache();
    const notes: string[] = [];
    const o: FitOptions = {
      ...{
        steps: 3,
        batch: 8,
        teacher: cornersNet(5, 6),
        losses: [softTargets()],
        teacherCache: cache,
        views: 1,
      },
      onNotes: (texts) => notes.push(...texts),
    };
    await fit(cornersNet(), train, cornersScale, { ...o, augment: { mix } });
    expect([cache.size, notes.length]).to.deep.equal([0, 1]);
    expect(notes[0]).to.match(/the teacher sees the mixed images/);
    await fit(cornersNet(), train, cornersScale, { ...o, augment: { flip: true } });
    expect([cache.size, notes.length]).to.deep.equal([24, 1]);
  });

  it('stopped and resumed give the weights of the unbroken run', async () => {
    const o: FitOptions = {
      ...{ steps: 8, batch: 8, seed: 3, rate: 0.05, validation, checkpointEvery: 3 },
      augment: { ...augmentPresets.strong, colorJitter: { brightness: 0.4 }, shift: 1 },
    };
    const whole = await fit(cornersNet(), train, cornersScale, o);
    const store = memoryStore();
    const stop = new AbortController();
    const onStep = ({ step }: { readonly step: number }): void => {
      if (step === 5) stop.abort();
    };
    const half = { ...o, checkpoints: store, signal: stop.signal, onStep };
    expect((await fit(cornersNet(), train, cornersScale, half)).finished).to.equal(false);
    const resumed = await fit(cornersNet(), train, cornersScale, { ...o, checkpoints: store });
    expect(resumed.history.loss).to.deep.equal(whole.history.loss);
    for (const [key, weight] of whole.net.weights)
      expect(materialize(resumed.net.weights.get(key)!), key).to.deep.equal(materialize(weight));
    expect(whole.net.weights.size).to.be.above(0);
  });

  it('are part of what identifies a run; without augmentation the identity is as it was', async () => {
    const identity = (task: Task) => runIdentity(cornersNet(), task, { steps: 3, batch: 8 });
    const of = (augment?: FitOptions['augment']) =>
      identity(classification(train, cornersScale, augment ? { augment } : {}));
    const all = [
      await of(),
      await of({ mix }),
      await of({ mix: { mixup: 0.5 } }),
      await of({ randAugment: {} }),
      await of({ erasing: {} }),
      await of({ resizedCrop: { scale: [0.5, 1] } }),
    ];
    expect(new Set(all).size).to.equal(all.length);
    expect(await of({ shift: 0, flip: false })).to.equal(all[0]);
    expect(JSON.parse(all[0]!).data).to.have.all.keys('shape', 'mean', 'std', 'shift', 'flip', 'images');
  });
});

describe('a loss that is taught by name', () => {
  it('works in a task without labels', async () => {
    const task: Task = {
      ...{ name: 'without labels', targets: {}, shape: [6, 6, 1] },
      batches: ({ batch, seed }) => {
        const next = classification(train, cornersScale).batches({ batch, seed });
        return async (step) => ({ ...next(step), targets: {} });
      },
    };
    const { history } = await fitTask(cornersNet(), task, {
      ...{
        steps: 2,
        batch: 8,
        teachers: { big: cornersNet(5, 6) },
        losses: [taughtBy('big', softTargets())],
      },
    });
    expect(history.loss.every(Number.isFinite)).to.equal(true);
  });
});
