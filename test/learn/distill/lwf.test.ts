/** @file Learning without forgetting (Li and Hoiem [150]): the old outputs' loss, the new head, and what is trained when. */

import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { graph, input, squeezeExcite } from '../../../src/compose/index.ts';
import { compile, useBackend } from '../../../src/engine/index.ts';
import { MoonletError, Refusal } from '../../../src/errors.ts';
import { addHead, lwf, lwfOf, withOutput } from '../../../src/learn/distill/index.ts';
import { crossEntropy } from '../../../src/learn/loss/index.ts';
import { fit } from '../../../src/learn/train/index.ts';
import {
  drawn,
  expectStepAgrees,
  gap,
  scalarOf,
  tinyScale,
  tinySplit,
  tinyStudent,
} from '../../support/distilling.ts';
import { noise, shaken } from '../../support/nets.ts';

describe('learning without forgetting (Li and Hoiem)', () => {
  before(() => useBackend('wasm'));
  const old = shaken(tinyStudent());

  it('where nothing has changed is the entropy of the softened outputs, its least', () =>
    void tf.tidy(() => {
      const z = drawn([4, 10], 1) as tf.Tensor2D;
      const p = tf.softmax(tf.div(z, 2) as tf.Tensor2D);
      const entropy = scalarOf(tf.neg(tf.mean(tf.sum(tf.mul(p, tf.log(p)), 1))));
      expect(scalarOf(lwfOf(z, z, tf.scalar(2)))).to.be.closeTo(entropy, 1e-5);
      for (const seed of [2, 3, 4]) {
        const other = tf.add(z, drawn([4, 10], seed)) as tf.Tensor2D;
        expect(scalarOf(lwfOf(other, z, tf.scalar(2)))).to.be.above(entropy);
      }
    }));
  it('softens by powers: y^(1/T) normalized is the softmax of logits over T', () =>
    void tf.tidy(() => {
      const z = drawn([4, 10], 1) as tf.Tensor2D;
      const powers = tf.pow(tf.softmax(z), 1 / 2);
      const normalized = tf.div(powers, tf.sum(powers, 1, true));
      expect(gap(normalized, tf.softmax(tf.div(z, 2) as tf.Tensor2D))).to.be.below(1e-5);
    }));

  it('puts a new head beside the old one, which computes what it did', async () => {
    const two = addHead(old, { name: 'new', classes: 4 });
    expect(two.graph.outputs).to.deep.equal(['heads/new/dense']);
    const x = noise(3 * 64, 'heads');
    const [before, after] = [await compile(old), await compile(withOutput(two, 'head/dense'))];
    expect((await after.run(x)).get('head/dense')).to.deep.equal((await before.run(x)).get('head/dense'));
    await before.release();
    await after.release();
  });

  it('trains the new head alone when told, then all, and holds the old outputs', async () => {
    const two = addHead(old, { name: 'new', classes: 10 });
    const o = { batch: 8, teacher: old, losses: [crossEntropy(), lwf()] };
    const warm = await fit(two, tinySplit(), tinyScale, {
      ...o,
      steps: 2,
      trained: (id) => id.startsWith('heads/'),
    });
    for (const [key, w] of warm.net.weights)
      expect(w.data.join() === two.weights.get(key)?.data.join(), key).to.equal(!key.startsWith('heads/'));
    const all = await fit(warm.net, tinySplit(), tinyScale, { ...o, steps: 2 });
    for (const key of ['stem/conv:kernel', 'head/dense:kernel'] as const)
      expect(all.net.weights.get(key)?.data.join()).not.to.equal(two.weights.get(key)?.data.join());
  });

  it('refuses a student without the old head, and nets without a dense layer', () => {
    const other = graph('other', input(8, 8, 1).globalPool().dense(10));
    expect(() => lwf()({ student: other, teacher: tinyStudent() })).to.throw(
      MoonletError,
      'lwf: other has no "head/dense", the old net\'s head; name it by "old"',
    );
    expect(() =>
      addHead(shaken(graph('none', input(8, 8, 1).globalPool())), { name: 'new', classes: 3 }),
    ).to.throw(Refusal, 'none: no dense layer gives an output, beside which a head could stand');
  });

  it('puts no head beside the dense layers of a gate', () => {
    const gated = graph('gated', input(8, 8, 1).pipe('gate', squeezeExcite(3)).conv(4).globalPool());
    expect(() => addHead(shaken(gated), { name: 'new', classes: 3 })).to.throw(
      Refusal,
      'gated: no dense layer gives an output, beside which a head could stand',
    );
  });

  it('makes the same step traced as eagerly (law 6)', () =>
    expectStepAgrees([crossEntropy(), lwf()], {
      student: addHead(old, { name: 'new', classes: 10 }).graph,
      teacher: tinyStudent(),
    }));
});
