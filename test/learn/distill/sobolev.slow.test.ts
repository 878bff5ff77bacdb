/** @file Sobolev training (Czarnecki et al. [156]): derivatives of nets in closed form, and second-order gradients. */

import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { graph, input } from '../../../src/compose/index.ts';
import { useBackend } from '../../../src/engine/index.ts';
import { MoonletError } from '../../../src/errors.ts';
import { activations } from '../../../src/graph/index.ts';
import { registerSecondOrder } from '../../../src/kernels/index.ts';
import { logits, slopeOf, slopesOf, sobolev, unit } from '../../../src/learn/distill/index.ts';
import { fit } from '../../../src/learn/train/index.ts';
import { activate } from '../../../src/read/tfjs/apply.ts';
import { float, type Net } from '../../../src/weights/index.ts';
import {
  drawn,
  expectStepAgrees,
  gap,
  scalarOf,
  signals,
  tinyScale,
  tinySplit,
  tinyStudent,
  tinyTeacher,
} from '../../support/distilling.ts';
import { shaken } from '../../support/nets.ts';

/** y = W x + b */
const linear = (seed: number, bias = 0): Net => {
  const g = graph('linear', input(4).dense(3));
  const kernel = tf.tidy(() => drawn([4, 3], seed).dataSync() as Float32Array);
  return {
    graph: g,
    weights: new Map([
      ['dense:kernel', float([4, 3], kernel)],
      ['dense:bias', float([3], new Float32Array(3).fill(bias))],
    ] as const),
  };
};
const matrix = (net: Net): tf.Tensor2D =>
  tf.tensor2d(net.weights.get('dense:kernel')?.data as Float32Array, [4, 3]);
/** The loss of two linear nets for given vectors. */
function value(student: Net, teacher: Net, v: tf.Tensor2D): number {
  const loss = sobolev()({ student: student.graph, teacher: teacher.graph, teacherNet: teacher });
  // the student's logits must hang on x: so all is run in one gradient
  let found = Number.NaN;
  tf.grad((x) => {
    const y = tf.add(
      tf.matMul(x as tf.Tensor2D, matrix(student)),
      student.weights.get('dense:bias')?.data as Float32Array,
    );
    const l = loss.compute(signals({ student: { dense: y }, draws: { v1: v }, x }));
    found = scalarOf(l);
    return tf.sum(y);
  })(drawn([v.shape[0], 4], 77));
  return found;
}

describe('Sobolev training (Czarnecki et al.)', () => {
  before(() => useBackend('wasm'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it('of linear nets is |(W_m - W_f) v|^2, whatever the input', () => {
    const [m, f] = [linear(1), linear(2)];
    const v = unit(drawn([5, 3], 3) as tf.Tensor2D);
    const expected = tf.matMul(v, tf.sub(matrix(m), matrix(f)), false, true);
    expect(value(m, f, v)).to.be.closeTo(scalarOf(tf.sum(tf.square(expected))) / 5, 1e-4);
  });
  it('does not see a constant added to the function', () => {
    expect(value(linear(1, 3), linear(1, -2), drawn([5, 3], 3) as tf.Tensor2D)).to.be.closeTo(0, 1e-8);
  });
  it('has vectors of length one whose mean square of projections is |u|^2 / d', () => {
    const v = unit(drawn([20000, 3], 5) as tf.Tensor2D);
    for (const length of tf.sum(tf.square(tf.slice(v, [0, 0], [50, 3])), 1).dataSync())
      expect(length).to.be.closeTo(1, 1e-5);
    const u = tf.tensor2d([[1, -2, 0.5]]);
    const mean = scalarOf(tf.mean(tf.square(tf.matMul(v, u, false, true))));
    expect(mean).to.be.closeTo(5.25 / 3, 0.05); // of 20,000: a deviation of about 0.011
  });
  it('takes the derivative of what is already on the tape, and differentiates it again', () => {
    const x = drawn([2, 4], 1);
    const ones = tf.ones<tf.Rank.R2>([2, 4]);
    // y = x^3: dy/dx = 3 x^2, and the gradient of its sum is 6 x
    const second = tf.grad((t) => tf.sum(slopeOf(tf.mul(tf.square(t), t), ones, t)))(x);
    expect(gap(second, tf.mul(x, 6))).to.be.below(1e-4);
    expect(scalarOf(slopesOf(x, x))).to.equal(0);
  });
  it('needs second derivatives of every activation: they agree with differences', () => {
    const x = tf.tensor2d([[-2.2, -1.3, -0.4, 0.3, 1.1, 2.4, 6.5]]);
    const weights = tf.tensor2d([[1, -2, 3, 0.5, 2, -1, 1]]); // softmax alone sums to one
    registerSecondOrder();
    for (const fn of activations.filter((f) => f !== 'negate')) {
      const slope = tf.grad((t) => tf.sum(tf.mul(activate(t, fn), weights)));
      const second = tf.grad((t) => tf.sum(tf.mul(slope(t), weights)))(x);
      // H w, the change of the slope in the direction w
      const h = 3e-3;
      const along = (sign: number) => slope(tf.add(x, tf.mul(weights, sign * h)));
      const differences = tf.div(tf.sub(along(1), along(-1)), 2 * h);
      expect(gap(second, differences), fn).to.be.below(2e-3);
    }
  });
  it('brings the derivatives together when it is followed', async () => {
    const seen: number[] = [];
    await fit(shaken(tinyStudent()), tinySplit(), tinyScale, {
      steps: 30,
      batch: 8,
      rate: 0.02,
      losses: [logits({ weight: 0.1 }), sobolev()],
      teacher: shaken(tinyTeacher()),
      onStep: (at) => seen.push(at.losses['sobolev'] as number),
    });
    const mean = (part: readonly number[]) => part.reduce((a, b) => a + b, 0) / part.length;
    expect(mean(seen.slice(-5))).to.be.below(mean(seen.slice(0, 5)) / 1.5);
  });
  it('refuses other inputs, other classes, and nets without a second derivative', () => {
    const teacherNet = shaken(tinyTeacher());
    const make = (student: Parameters<ReturnType<typeof sobolev>>[0]['student']) => () =>
      sobolev()({ student, teacher: teacherNet.graph, teacherNet });
    expect(make(linear(1).graph)).to.throw(
      MoonletError,
      'sobolev: the student has 3 classes, the teacher 10; the numbers must be equal',
    );
    expect(make(graph('wide', input(16, 16, 1).globalPool().dense(10)))).to.throw(
      MoonletError,
      'sobolev: the student takes [16, 16, 1], the teacher [8, 8, 1]; they must agree',
    );
    expect(make(graph('resized', input(8, 8, 1).upsample(2).globalPool().dense(10)))).to.throw(
      MoonletError,
      'sobolev: resized resizes at upsample, which has no second derivative; choose another net',
    );
  });
  it('makes the same step traced as eagerly (law 6)', () =>
    expectStepAgrees([logits({ weight: 0.1 }), sobolev()]));
  it('makes the same step of a depthwise net and two projections traced as eagerly (law 6)', async () => {
    const depthwise = graph(
      'depthwise',
      input(8, 8, 1)
        .pipe('stem', (x) => x.conv(6, { kernel: 3 }).norm().relu())
        .pipe('stage1', (x) => x.depthwise({ stride: 2 }).norm().act('hardSwish').maxPool({ size: 2 }))
        .pipe('head', (x) => x.globalPool().dense(10)),
    );
    await expectStepAgrees([logits({ weight: 0.1 }), sobolev({ projections: 2 })], { student: depthwise });
  });
});
