/** @file The on-the-fly ensemble (Lan, Zhu and Gong [152]): gate, ensemble, and the branch that remains. */

import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { compile, useBackend } from '../../../src/engine/index.ts';
import { MoonletError } from '../../../src/errors.ts';
import { ensembleOf, one } from '../../../src/learn/distill/index.ts';
import { bind, crossEntropy } from '../../../src/learn/loss/index.ts';
import { fit } from '../../../src/learn/train/index.ts';
import { cost } from '../../../src/read/index.ts';
import { compose } from '../../../zoo/index.ts';
import {
  drawn,
  expectStepAgrees,
  gap,
  scalarOf,
  signals,
  tinyScale,
  tinySplit,
  tinyStudent,
} from '../../support/distilling.ts';
import { noise, shaken } from '../../support/nets.ts';

describe('ONE (Lan, Zhu and Gong)', () => {
  before(() => useBackend('wasm'));
  const student = tinyStudent();

  it('puts branches and a gate on the trunk, the student itself the first of them', () => {
    const { graph, losses, notes } = bind(student, [one()]);
    expect(losses[0]?.student).to.deep.equal([
      'head/dense',
      'branch2/head/dense',
      'branch3/head/dense',
      'gate/softmax',
    ]);
    const branch = student.nodes.filter((n) => /^(stage3|head)\//.test(n.id));
    expect(graph.nodes.length).to.equal(student.nodes.length + 2 * branch.length + 5);
    expect(graph.nodes.find((n) => n.id === 'gate/globalPool')?.inputs).to.deep.equal(['stage2/0/add']);
    expect(notes).to.deep.equal(['one: 2 more branches from stage3 and a gate (gone after training)']);
    expect(cost(graph).params).to.be.above(2 * cost(student).params);
  });

  it('has a gate that is positive and sums to one', async () => {
    const { graph } = bind(student, [one()]);
    const runner = await compile(shaken(graph), { values: ['gate/softmax'] });
    const gate = (await runner.run(noise(4 * 64, 'gate'))).get('gate/softmax') as Float32Array;
    for (let i = 0; i < 4; i++) {
      const row = [...gate.subarray(3 * i, 3 * i + 3)];
      expect(row.reduce((a, b) => a + b, 0)).to.be.closeTo(1, 1e-5);
      expect(Math.min(...row)).to.be.at.least(0);
    }
    await runner.release();
  });

  it('with branches that agree is their cross-entropy, and nothing diverges', () =>
    void tf.tidy(() => {
      const z = drawn([3, 10], 1) as tf.Tensor2D;
      const gate = tf.softmax(drawn([3, 3], 2) as tf.Tensor2D);
      expect(gap(ensembleOf([z, z, z], gate), z)).to.be.below(1e-5);
      const [loss] = bind(student, [one(), crossEntropy()]).losses;
      const names = loss?.student ?? [];
      const given = (settings: Record<string, number>) =>
        signals({
          student: Object.fromEntries(names.map((id) => [id, id === 'gate/softmax' ? gate : z])),
          labels: [1, 2, 3],
          settings,
        });
      const value = (ramp: number) => scalarOf(loss?.compute(given({ temperature: 3, ramp })) as tf.Scalar);
      const hard = scalarOf(
        tf.neg(tf.mean(tf.sum(tf.mul(tf.oneHot(tf.tensor1d([1, 2, 3], 'int32'), 10), tf.logSoftmax(z)), 1))),
      );
      expect(value(0)).to.be.closeTo(3 * hard, 1e-4); // two more branches and the ensemble
      expect(value(1)).to.be.closeTo(value(0), 1e-4);
    }));

  it('teaches the branches, not the ensemble: no gradient of the divergence in the gate', () =>
    void tf.tidy(() => {
      const loss = one()({ student });
      const names = loss.student;
      const z = Object.fromEntries(names.map((id, i) => [id, drawn([3, 10], i + 1)]));
      const gate = tf.softmax(drawn([3, 3], 9) as tf.Tensor2D);
      const at = (ramp: number) =>
        tf.grad((g) =>
          loss.compute(
            signals({
              student: { ...z, 'gate/softmax': g },
              labels: [1, 2, 3],
              settings: { temperature: 3, ramp },
            }),
          ),
        )(gate);
      expect(gap(at(1), at(0))).to.equal(0);
      expect(scalarOf(tf.max(tf.abs(at(0))))).to.be.above(0);
    }));

  it('leaves a branch that computes what it did among the others', async () => {
    const o = { steps: 3, batch: 8, losses: [crossEntropy(), one()] };
    const { net, whole } = await fit(shaken(student), tinySplit(), tinyScale, o);
    expect(net.graph).to.equal(student);
    const x = noise(5 * 64, 'cut');
    const [alone, inside] = [
      await compile(net),
      await compile(whole, { values: ['head/dense', 'branch2/head/dense'] }),
    ];
    const all = await inside.run(x);
    expect((await alone.run(x)).get('head/dense')).to.deep.equal(all.get('head/dense'));
    expect(all.get('branch2/head/dense')).not.to.deep.equal(all.get('head/dense'));
    await alone.release();
    await inside.release();
  });

  it('refuses a net that does not part there, and ensembles of one', () => {
    expect(() => one({ branches: 1 })({ student })).to.throw(
      MoonletError,
      'one: an ensemble has 2 to 16 branches, got 1',
    );
    expect(() => one({ from: 'stage9' })({ student })).to.throw(MoonletError, 'has no node under "stage9"');
    expect(() => one({ from: 'stage1/0/add' })({ student })).to.throw(MoonletError, 'a branch reads one');
    expect(() =>
      one()({
        student: {
          ...compose('snn'),
          nodes: compose('snn').nodes.map((n) => ({
            ...n,
            id: n.id.replace('stage1', 'body'),
            inputs: n.inputs.map((i) => i.replace('stage1', 'body')),
          })),
        },
      }),
    ).to.throw(MoonletError, 'one: snn names no stages; say where branches begin by "from"');
  });

  it('makes the same step traced as eagerly (law 6)', () => expectStepAgrees([crossEntropy(), one()]));
});
