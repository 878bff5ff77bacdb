/** @file Rocket launching (Zhou et al. [158]): shared layers, the gradient block, and the light net that remains. */

import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { compile, useBackend } from '../../../src/engine/index.ts';
import { MoonletError } from '../../../src/errors.ts';
import { hintOfRocket, rocket } from '../../../src/learn/distill/index.ts';
import { bind, crossEntropy } from '../../../src/learn/loss/index.ts';
import { fit } from '../../../src/learn/train/index.ts';
import { wrn } from '../../../zoo/architectures/index.ts';
import {
  drawn,
  expectStepAgrees,
  gap,
  scalarOf,
  tinyScale,
  tinySplit,
  tinyStudent,
  tinyTeacher,
} from '../../support/distilling.ts';
import { noise, shaken } from '../../support/nets.ts';

const student = tinyStudent();
const booster = wrn({ depth: 16, size: 8, channels: 1 });

describe('rocket launching (Zhou et al.)', () => {
  before(() => useBackend('wasm'));

  it('hints by the squared distance of logits, whose gradient stops at the booster', () =>
    void tf.tidy(() => {
      const [l, z] = [drawn([4, 10], 1) as tf.Tensor2D, drawn([4, 10], 2) as tf.Tensor2D];
      expect(scalarOf(hintOfRocket(l, z))).to.be.closeTo(scalarOf(tf.sum(tf.square(tf.sub(l, z)))) / 4, 1e-4);
      expect(scalarOf(hintOfRocket(l, l))).to.equal(0);
      const [inLight, inBooster] = tf.grads((a, b) => hintOfRocket(a as tf.Tensor2D, b as tf.Tensor2D))([
        l,
        z,
      ]);
      expect(gap(inLight as tf.Tensor, tf.div(tf.mul(tf.sub(l, z), 2), 4))).to.be.below(1e-5);
      expect(scalarOf(tf.max(tf.abs(inBooster as tf.Tensor)))).to.equal(0);
    }));

  it('joins the booster to the student at the shared stage, or beside it', () => {
    const { graph, losses, notes } = bind(student, [rocket({ booster })]);
    expect(losses[0]?.student).to.deep.equal(['head/dense', 'booster/head/dense']);
    const ids = graph.nodes.map((n) => n.id).filter((id) => id.startsWith('booster/'));
    expect(ids.some((id) => id.startsWith('booster/stage1'))).to.equal(false);
    expect(ids.some((id) => id.startsWith('booster/stage2'))).to.equal(true);
    expect(notes).to.deep.equal([
      'rocket: a booster of wrn size=8 channels=1 from stage1 on (gone after training)',
    ]);
    const apart = bind(student, [rocket({ booster, share: null })]).graph;
    expect(apart.nodes.filter((n) => n.id.startsWith('booster/'))).to.have.length(booster.nodes.length - 1);
  });

  it('moves no weight of the booster by the hint: they go as if it were not there', async () => {
    const run = async (lambda: number) =>
      (
        await fit(shaken(student), tinySplit(), tinyScale, {
          steps: 1,
          batch: 8,
          losses: [crossEntropy(), rocket({ booster, lambda })],
        })
      ).whole.weights;
    const [without, with_] = [await run(0), await run(5)];
    let moved = 0;
    for (const [key, w] of without) {
      const same = w.data.join() === with_.get(key)?.data.join();
      if (key.startsWith('booster/')) expect(same, key).to.equal(true);
      else moved += Number(!same);
    }
    expect(moved).to.be.above(0);
  });

  it('leaves a light net that computes what it did inside', async () => {
    const o = { steps: 3, batch: 8, losses: [crossEntropy(), rocket({ booster })] };
    const { net, whole } = await fit(shaken(student), tinySplit(), tinyScale, o);
    expect([...net.weights.keys()].some((key) => key.startsWith('booster'))).to.equal(false);
    const x = noise(5 * 64, 'cut');
    const [alone, inside] = [await compile(net), await compile(whole)];
    expect((await alone.run(x)).get('head/dense')).to.deep.equal((await inside.run(x)).get('head/dense'));
    await alone.release();
    await inside.release();
  });

  it('refuses boosters of other classes or shapes', () => {
    const make = (o: Parameters<typeof rocket>[0]) => () => rocket(o)({ student });
    expect(make({ booster: wrn({ classes: 7 }) })).to.throw(
      MoonletError,
      'rocket: the light net has 10 classes, the booster 7; the numbers must be equal',
    );
    expect(make({ booster: tinyTeacher() })).to.throw(
      MoonletError,
      'rocket: at stage1 the light net has [8, 8, 16], the booster [8, 8, 32]; share a place where they agree',
    );
    expect(make({ booster: wrn(), share: null })).to.throw(
      MoonletError,
      'rocket: the light net takes [8, 8, 1], the booster [32, 32, 3]; they must agree',
    );
    expect(make({ booster, share: 'head' })).to.throw(
      MoonletError,
      'rocket: nothing of the booster lies behind head',
    );
  });

  it('makes the same step traced as eagerly (law 6)', () =>
    expectStepAgrees([crossEntropy(), rocket({ booster })]));
});
