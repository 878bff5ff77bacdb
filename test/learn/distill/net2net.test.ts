/** @file Net2Net (Chen et al. [149]): a larger student that begins as its teacher, and goes on at a tenth of its rate. */

import { expect } from 'chai';
import { useBackend } from '../../../src/engine/index.ts';
import { MoonletError, Refusal } from '../../../src/errors.ts';
import { net2net } from '../../../src/learn/distill/index.ts';
import { crossEntropy, oneCycle } from '../../../src/learn/loss/index.ts';
import { fit } from '../../../src/learn/train/index.ts';
import { cost } from '../../../src/read/index.ts';
import { expectStepAgrees, tinyScale, tinySplit, tinyStudent } from '../../support/distilling.ts';
import { outputs } from '../../support/growing.ts';
import { largestDifference, shaken } from '../../support/nets.ts';

describe('Net2Net (Chen et al.)', () => {
  before(() => useBackend('wasm'));
  const teacher = shaken(tinyStudent());
  const plan = [{ widen: { stage1: 'x1.5', stage2: 'x2' } }, { deepen: 'stage2', by: 1 }] as const;

  it('begins with the function of its teacher, in both modes', () => {
    const { student } = net2net(teacher, plan);
    expect(cost(student.graph).params).to.be.above(cost(teacher.graph).params);
    expect(largestDifference(outputs(student, false), outputs(teacher, false))).to.be.below(1e-5);
    expect(largestDifference(outputs(student, true), outputs(teacher, true))).to.be.below(1e-3);
  });

  it("goes on at a tenth of the teacher's rate, whatever its schedule", () => {
    expect(net2net(teacher, plan).rate(7)).to.be.closeTo(0.01, 1e-9);
    const rate = oneCycle({ steps: 100, peak: 0.2 });
    const tenth = net2net(teacher, plan, { rate }).rate;
    for (const step of [0, 15, 60, 99]) expect(tenth(step)).to.equal(rate(step) / 10);
  });

  it('splits by the seed', () => {
    const [a, b, c] = [1, 1, 2].map((seed) => outputsOfWeights(net2net(teacher, plan, { seed }).student));
    expect(a).to.deep.equal(b);
    expect(a).to.not.deep.equal(c);
  });

  it('learns on from where the teacher is', async () => {
    const split = tinySplit();
    const { net } = await fit(teacher, split, tinyScale, { steps: 8, batch: 10, seed: 1, rate: 0.05 });
    const { student, rate } = net2net(net, plan, { rate: 0.1 });
    const losses: number[] = [];
    const onStep = ({ loss }: { loss: number }): number => losses.push(loss);
    await fit(student, split, tinyScale, { steps: 20, batch: 10, seed: 2, rate, onStep });
    const before: number[] = [];
    await fit(net, split, tinyScale, {
      steps: 1,
      batch: 10,
      seed: 2,
      rate: 0,
      onStep: ({ loss }) => before.push(loss),
    });
    expect(losses[0]).to.be.closeTo(before[0] as number, 1e-3);
    expect(losses.at(-1)).to.be.below(losses[0] as number);
  });

  it('makes the same step traced as eagerly (law 6)', () =>
    expectStepAgrees([crossEntropy()], { student: net2net(teacher, plan).student.graph }));

  it('refuses what cannot grow', () => {
    expect(() => net2net(teacher, [{ widen: { stage9: 'x2' } }])).to.throw(
      MoonletError,
      'Did you mean "stage1"?',
    );
    expect(() => net2net(teacher, [{ widen: { head: 'x2' } }])).to.throw(Refusal);
  });
});

const outputsOfWeights = (net: Parameters<typeof outputs>[0]): readonly number[] =>
  [...net.weights.values()].flatMap((w) => [...(w.data as Float32Array).subarray(0, 8)]);
