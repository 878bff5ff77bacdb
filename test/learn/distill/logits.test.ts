/** @file Logit regression (Ba and Caruana [147]) against its closed form. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useBackend } from '../../../src/engine/index.ts';
import { MoonletError } from '../../../src/errors.ts';
import { logits, logitsOf } from '../../../src/learn/distill/index.ts';
import { wrn } from '../../../zoo/architectures/index.ts';
import { drawn, expectStepAgrees, gap, scalarOf } from '../../support/distilling.ts';

describe('logits (Ba and Caruana)', () => {
  before(() => useBackend('wasm'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it('are half of the squared distance, averaged over the batch', () => {
    const [g, z] = [
      tf.tensor2d([
        [1, 2],
        [0, 0],
      ]),
      tf.tensor2d([
        [0, 0],
        [3, 4],
      ]),
    ];
    expect(scalarOf(logitsOf(g, z))).to.be.closeTo((5 + 25) / 4, 1e-6);
    expect(scalarOf(logitsOf(g, g))).to.equal(0);
  });
  it('have the gradient (g - z) / batch', () => {
    const [g, z] = [drawn([3, 5], 1) as tf.Tensor2D, drawn([3, 5], 2) as tf.Tensor2D];
    const gradient = tf.grad((x) => logitsOf(x as tf.Tensor2D, z))(g);
    expect(gap(gradient, tf.div(tf.sub(g, z), 3))).to.be.below(1e-6);
  });
  it('refuse a missing teacher and other classes', () => {
    expect(() => logits()({ student: wrn() })).to.throw(
      MoonletError,
      'logits: needs a teacher, and none was given',
    );
    expect(() => logits()({ student: wrn(), teacher: wrn({ classes: 100 }) })).to.throw(
      MoonletError,
      'logits: the student has 10 classes, the teacher 100; the numbers must be equal',
    );
  });
  it('make the same step traced as eagerly (law 6)', () => expectStepAgrees([logits()]));
});
