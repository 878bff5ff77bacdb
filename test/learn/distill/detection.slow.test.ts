/** @file Detectors taught by detectors: proposal mimic, weighted classes, bounded boxes; closed forms and law 6. */

import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { loadDataset, type Split, scenes } from '../../../src/data/index.ts';
import { useBackend } from '../../../src/engine/index.ts';
import { MoonletError } from '../../../src/errors.ts';
import { boundedOf, detectionDistillation, softClasses } from '../../../src/learn/distill/detection.ts';
import { hints } from '../../../src/learn/distill/index.ts';
import { mimic, mimicOf } from '../../../src/learn/distill/mimic.ts';
import { cropWeights, detection, detectorLoss } from '../../../src/learn/task/detect/index.ts';
import { fitTask } from '../../../src/learn/train/index.ts';
import { init } from '../../../src/weights/index.ts';
import { detector, wrn } from '../../../zoo/architectures/index.ts';
import { expectTaskStepAgrees } from '../../support/task-steps.ts';

const value = (t: tf.Tensor): number => (t.dataSync() as Float32Array)[0] as number;
const student = detector({ width: 2, depth: 1, size: 32 });
const teacher = detector({ width: 3, depth: 1, size: 32 });

describe('proposal mimic (Li, Jin, Yan)', () => {
  before(() => useBackend('wasm'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  const map = (seed: number): tf.Tensor4D => tf.randomNormal([1, 8, 8, 3], 0, 1, 'float32', seed);
  const weightsOf = (
    boxes: readonly (readonly [number, number, number, number])[],
  ): [tf.Tensor4D, tf.Tensor4D] => {
    const all = boxes.map((b) => cropWeights(b, 3, 8, 4));
    const flat = (k: 'rows' | 'columns'): tf.Tensor4D =>
      tf.tensor4d(
        all.flatMap((w) => [...w[k]]),
        [1, boxes.length, 3, 8],
      );
    return [flat('rows'), flat('columns')];
  };

  it('is zero when the features agree, and half of the square when they differ by a constant', () => {
    const crop = weightsOf([[4, 4, 20, 20]]);
    expect(value(mimicOf(map(1), map(1), ...crop))).to.equal(0);
    expect(value(mimicOf(tf.add(map(1), 3), map(1), ...crop))).to.be.closeTo(9 / 2, 1e-4);
  });
  it('does not depend on how many proposals say the same', () => {
    const box = [4, 6, 20, 18] as const;
    const once = value(mimicOf(map(1), map(2), ...weightsOf([box])));
    expect(value(mimicOf(map(1), map(2), ...weightsOf([box, box, box])))).to.be.closeTo(once, 1e-6);
  });
  it('sends no gradient outside of the proposals, and none to the teacher', () => {
    const [rows, columns] = weightsOf([[8, 8, 16, 16]]);
    const gradient = tf.grad((s) => mimicOf(s as tf.Tensor4D, map(2), rows, columns))(map(1));
    const sums = tf.sum(tf.abs(gradient), 3).arraySync() as number[][][];
    sums[0]?.forEach((row, y) => {
      row.forEach((g, x) => {
        const near = y >= 1 && y < 5 && x >= 1 && x < 5;
        if (near) expect(g).to.be.above(0);
        else expect(g).to.equal(0);
      });
    });
  });
  it('puts a 1x1 conv beside the student, which falls away', () => {
    const loss = mimic()({ student, teacher });
    expect(loss.student).to.deep.equal(['adapter/mimic/conv']);
    expect(loss.teacher).to.deep.equal(['stage2/0/act']);
    expect(loss.notes).to.deep.equal([
      'mimic: stage2/0/act [8, 8, 8] -> stage2/0/act [8, 8, 12] by conv 1x1 (108 parameters, gone after training)',
    ]);
  });
  it('refuses no teacher, and maps of other sizes', () => {
    expect(() => mimic()({ student })).to.throw(MoonletError, 'mimic: needs a teacher, and none was given');
    expect(() => mimic({ pair: ['stem', 'stage2'] })({ student, teacher })).to.throw(
      MoonletError,
      'mimic: stem/act [16, 16, 2] -> stage2/0/act [8, 8, 12]: both must be maps of one height and width, since one proposal crops them; choose other places',
    );
  });
});

describe('weighted and bounded losses of detectors (Chen et al.)', () => {
  before(() => useBackend('wasm'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it('weigh the ground 1.5 times: the gradient of a pure class scales so', () => {
    const sure = (c: number): tf.Tensor3D =>
      tf.tensor3d(
        [0, 0, 0].map((_, i) => (i === c ? 60 : 0)),
        [1, 1, 3],
      );
    const gradient = (c: number): Float32Array =>
      tf
        .grad((z) => softClasses(z as tf.Tensor3D, sure(c), 1.5))(tf.zeros([1, 1, 3]))
        .dataSync() as Float32Array;
    const [ground, one] = [gradient(0), gradient(1)];
    [0, 1, 2].forEach((c) => {
      expect(ground[c]).to.be.closeTo(1.5 * (one[[1, 0, 2][c] as number] as number), 1e-6);
    });
    expect(gradient(1)[1]).to.be.closeTo(1 / 3 - 1, 1e-6);
  });
  it('with all weights 1 are cross-entropy with soft labels', () => {
    const [z, v] = [tf.tensor3d([1, 2, 0], [1, 1, 3]), tf.tensor3d([0, 1, 3], [1, 1, 3])];
    const expected = tf.neg(tf.sum(tf.mul(tf.softmax(v), tf.log(tf.softmax(z)))));
    expect(value(softClasses(z, v, 1))).to.be.closeTo(value(expected), 1e-5);
  });
  it('bound boxes: nothing when the student is better by the margin, its own squared error else', () => {
    const truth = tf.zeros([1, 4]);
    const box = (...v: number[]): tf.Tensor2D => tf.tensor2d([v]);
    const at = (s: tf.Tensor2D, t: tf.Tensor2D, margin = 0): number =>
      value(boundedOf(s, t, truth, tf.scalar(margin)));
    expect(at(box(1, 0, 0, 0), box(2, 0, 0, 0))).to.equal(0);
    expect(at(box(2, 1, 0, 0), box(2, 0, 0, 0))).to.equal(5);
    expect(at(box(1, 0, 0, 0), box(2, 0, 0, 0), 3.5)).to.equal(1); // 1 + 3.5 > 4
    expect(at(box(1, 0, 0, 0), box(2, 0, 0, 0), 2.5)).to.equal(0); // 1 + 2.5 < 4
  });
  it('bound boxes send the gradient 2 (R_s - y) or none, and none to the teacher', () => {
    const s = tf.tensor2d([
      [2, 1, 0, 0],
      [1, 0, 0, 0],
    ]);
    const t = tf.tensor2d([
      [2, 0, 0, 0],
      [2, 0, 0, 0],
    ]);
    const [forStudent, forTeacher] = tf.grads((a, b) =>
      tf.sum(boundedOf(a as tf.Tensor, b as tf.Tensor, tf.zeros([2, 4]), tf.scalar(0))),
    )([s, tf.add(t, 0)]) as [tf.Tensor, tf.Tensor];
    expect([...forStudent.dataSync()]).to.deep.equal([4, 2, 0, 0, 0, 0, 0, 0]);
    expect([...forTeacher.dataSync()].every((g) => g === 0)).to.equal(true);
  });
  it('refuse teachers of other classes or crops', () => {
    const make = detectionDistillation({ classes: 10 });
    expect(() => make({ student })).to.throw(MoonletError, 'detection: needs a teacher, and none was given');
    expect(() => make({ student, teacher: wrn() })).to.throw(MoonletError, 'wrn: is no detector');
    expect(() => make({ student, teacher: detector({ width: 3, bins: 2, size: 32 }) })).to.throw(
      MoonletError,
      'crops 3 x 3 bins of 8 cells, detector width=3 bins=2 size=32 2 x 2 of 8; they must agree',
    );
  });
});

describe('a taught detector', () => {
  let digits: Split;
  before(async () => {
    digits = (await loadDataset('mnist')).test;
  });
  const task = () =>
    detection(student, scenes(digits, 4, { size: 32, objects: [1, 2] }), {
      classes: 10,
      proposals: 6,
      sampledAnchors: 16,
    });
  const [net, master] = [init(student, { seed: 1 }), init(teacher, { seed: 2 })];

  it('law 6 with mimic', () =>
    expectTaskStepAgrees(net, task(), { losses: [detectorLoss({ classes: 10 }), mimic()], teacher: master }));
  it('law 6 with weighted and bounded losses, and hints', () =>
    expectTaskStepAgrees(net, task(), {
      losses: [detectionDistillation({ classes: 10 }), hints({ weight: 0.5 })],
      teacher: master,
    }));
  it('comes back without what stood beside it', async () => {
    const { net: after } = await fitTask(net, task(), {
      steps: 2,
      batch: 2,
      losses: [detectorLoss({ classes: 10 }), mimic()],
      teacher: master,
    });
    expect(after.graph).to.deep.equal(student);
    expect([...after.weights.keys()]).to.deep.equal([...net.weights.keys()]);
  });
});
