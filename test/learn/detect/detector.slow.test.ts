/** @file The small detector: its losses in closed form, its batches, its learning, law 6, and what it refuses. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { loadDataset, type Split, scenes } from '../../../src/data/index.ts';
import { useBackend } from '../../../src/engine/index.ts';
import { MoonletError } from '../../../src/errors.ts';
import {
  classLoss,
  detection,
  detectorLayout,
  detectorLoss,
  evaluateDetector,
  objectnessLoss,
  offsetsLoss,
  smoothL1,
} from '../../../src/learn/task/detect/index.ts';
import { adam, fitTask } from '../../../src/learn/train/index.ts';
import { init } from '../../../src/weights/index.ts';
import { detector, wrn } from '../../../zoo/architectures/index.ts';
import { expectTaskStepAgrees } from '../../support/task-steps.ts';

const value = (t: tf.Tensor): number => (t.dataSync() as Float32Array)[0] as number;
const target = (all: Readonly<Record<string, tf.Tensor>>) => ({
  target: (name: string): tf.Tensor => all[name] as tf.Tensor,
});

describe('losses of a detector', () => {
  before(() => useBackend('wasm'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it('smooth L1 is a parabola up to 1, then a line of slope 1', () => {
    const x = tf.tensor1d([-3, -1, -0.5, 0, 0.5, 1, 2]);
    const expected = [2.5, 0.5, 0.125, 0, 0.125, 0.5, 1.5];
    expect([...smoothL1(x).dataSync()]).to.deep.equal(expected);
    const slope = tf
      .grad((v) => tf.sum(smoothL1(v)))(x)
      .dataSync();
    expect([...slope].map((v) => v + 0)).to.deep.equal([-1, -1, -0.5, 0, 0.5, 1, 1]);
  });
  it('objectness is the mean cross-entropy of the sampled anchors', () => {
    const at = target({
      objectness: tf.tensor2d([[1, 0, 0]]),
      anchorWeight: tf.tensor2d([[0.5, 0.5, 0]]),
    });
    const found = value(objectnessLoss(tf.tensor2d([[2, -50, 99]]), at));
    expect(found).to.be.closeTo(0.5 * Math.log(1 + Math.exp(-2)), 1e-6);
  });
  it('classes: log of their number when all logits are equal; offsets count on objects only', () => {
    const at = target({
      classes: tf.tensor2d([[0, 2]], [1, 2], 'int32'),
      offsets: tf.zeros([1, 2, 4]),
    });
    expect(value(classLoss(tf.zeros([1, 2, 5]), at))).to.be.closeTo(Math.log(5), 1e-6);
    const offsets = tf.tensor3d([9, 9, 9, 9, 2, 0, 0, 0.5], [1, 2, 4]);
    expect(value(offsetsLoss(offsets, at))).to.be.closeTo((1.5 + 0.125) / 2, 1e-6);
  });
});

describe('a detector', () => {
  const small = detector({ width: 2, depth: 1, size: 32, classes: 10 });
  let digits: Split;
  before(async () => {
    digits = (await loadDataset('mnist')).test;
  });
  const task = (count: number, batch = 8) =>
    detection(small, scenes(digits, count, { size: 32, objects: [1, 2] }), {
      classes: 10,
      proposals: batch,
      sampledAnchors: 16,
    });

  it('gets batches that are a function of seed and step alone, each scene once an epoch', () => {
    const one = task(8).batches({ batch: 4, seed: 1 });
    const other = task(8).batches({ batch: 4, seed: 1 });
    other(5);
    expect(other(1)).to.deep.equal(one(1));
    expect([...one(0).images, ...one(1).images].sort()).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7]);
    const { anchorWeight, classes } = one(0).targets;
    expect((anchorWeight as Float32Array).reduce((a, b) => a + b, 0)).to.be.closeTo(4, 1e-5);
    expect(new Set(classes as Int32Array)).to.include(0);
  });

  it('law 6: a traced step changes the weights as an eager one', () =>
    expectTaskStepAgrees(init(small, { seed: 1 }), task(4, 4), { losses: [detectorLoss({ classes: 10 })] }));

  it('learns to find what is there', async () => {
    const net = init(detector({ width: 4, depth: 1, size: 32 }), { seed: 1 });
    const few = scenes(digits, 16, { size: 32, objects: [1, 2] });
    const before = await evaluateDetector(net, few, { classes: 10 });
    const { net: after } = await fitTask(net, detection(net.graph, few, { classes: 10 }), {
      steps: 150,
      batch: 16,
      losses: [detectorLoss({ classes: 10 })],
      optimizer: adam(),
      rate: 0.01,
    });
    const { map, n, detections } = await evaluateDetector(after, few, { classes: 10 });
    expect(n).to.equal(16);
    expect(before.map).to.be.below(0.2);
    expect(map).to.be.above(0.6);
    for (const d of detections) expect(d.score).to.be.within(0.05, 1);
  });

  it('refuses graphs that are none, other classes and other sizes', () => {
    expect(() => detectorLayout(wrn(), 10)).to.throw(
      MoonletError,
      'wrn: is no detector: it needs four maps of one size for outputs, with 6, 24, bins^2 (classes + 1) and 4 bins^2 channels; compose one with detector anchors=6',
    );
    expect(() => detectorLayout(small, 20)).to.throw(
      MoonletError,
      'has 10 classes, but the scenes have 20; compose it with classes=20',
    );
    expect(() => detection(small, scenes(digits, 1), { classes: 10 })).to.throw(
      MoonletError,
      'takes 32 pixels, and the scenes have 64; compose it with size=64',
    );
    expect(() => task(4).batches({ batch: 8, seed: 0 })).to.throw(
      MoonletError,
      'a batch of 8 is larger than the 4 training scenes',
    );
  });
});
