/** @file Supervision transfer between modalities: no labels, a frozen teacher, law 6. */

import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { loadDataset, type Split, scenes } from '../../../src/data/index.ts';
import { useBackend } from '../../../src/engine/index.ts';
import { MoonletError } from '../../../src/errors.ts';
import { crossModal } from '../../../src/learn/distill/index.ts';
import type { Signals } from '../../../src/learn/loss/index.ts';
import { pairs } from '../../../src/learn/task/index.ts';
import { adam, fitTask } from '../../../src/learn/train/index.ts';
import { init } from '../../../src/weights/index.ts';
import { parser } from '../../../zoo/architectures/index.ts';
import { expectTaskStepAgrees } from '../../support/task-steps.ts';

const value = (t: tf.Tensor): number => (t.dataSync() as Float32Array)[0] as number;
const student = parser({ width: 2, depth: 1, size: 32 });
const teacher = parser({ width: 3, depth: 1, size: 32 });
const same = parser({ width: 2, depth: 2, size: 32 });

describe('cross-modal transfer (Gupta, Hoffman, Malik)', () => {
  let clothes: Split;
  before(async () => {
    await useBackend('wasm');
    clothes = (await loadDataset('fashion-mnist', { source: 'package' })).test;
  });
  const task = () => pairs(student, scenes(clothes, 8, { size: 32 }), { from: 'intensity', to: 'depth' });

  it('is the mean square of the difference, zero when the layers agree, and gives the teacher no gradient', () =>
    tf.tidy(() => {
      const loss = crossModal()({ student, teacher: same });
      const at = (s: tf.Tensor, t: tf.Tensor): tf.Scalar =>
        loss.compute({ student: () => s, teacher: () => t } as unknown as Signals);
      const features = tf.randomNormal([1, 8, 8, 8], 0, 1, 'float32', 1);
      expect(value(at(features, features))).to.equal(0);
      expect(value(at(tf.add(features, 2), features))).to.be.closeTo(4, 1e-5);
      expect(loss.beside).to.deep.equal([]); // t is the identity: channels agree
    }));
  it('reads no labels', () => {
    const loss = crossModal()({ student, teacher });
    expect(loss.targets ?? []).to.deep.equal([]);
    expect(task().targets).to.deep.equal({});
  });
  it('puts a 1x1 conv between where channels differ, and says so', () => {
    const loss = crossModal()({ student, teacher });
    expect(loss.student).to.deep.equal(['adapter/cross-modal/0/conv']);
    expect(loss.notes?.[0]).to.match(/^cross-modal: .* by conv 1x1 \(108 parameters, gone after training\)$/);
  });
  it('refuses no teacher', () => {
    expect(() => crossModal()({ student })).to.throw(
      MoonletError,
      'cross-modal: needs a teacher, and none was given',
    );
  });
  it('law 6', () =>
    expectTaskStepAgrees(init(student, { seed: 1 }), task(), {
      losses: [crossModal()],
      teacher: init(teacher, { seed: 2 }),
    }));
  it('brings the student of depth to the features of the teacher of intensity, and leaves its head alone', async () => {
    const net = init(student, { seed: 1 });
    const losses: number[] = [];
    const { net: after } = await fitTask(net, task(), {
      steps: 60,
      batch: 8,
      losses: [crossModal()],
      teacher: init(teacher, { seed: 2 }),
      optimizer: adam(),
      rate: 0.01,
      onStep: (at) => losses.push(at.loss),
    });
    expect(losses.at(-1)).to.be.below((losses[0] as number) / 3);
    const kernel = (n: typeof net, path: string): number[] => [
      ...(n.weights.get(`${path}:kernel`)?.data ?? []),
    ];
    const head = 'head/segmentation/predict/conv';
    expect(kernel(after, head)).to.deep.equal(kernel(net, head));
    expect(kernel(after, 'stem/conv')).not.to.deep.equal(kernel(net, 'stem/conv'));
  });
});
