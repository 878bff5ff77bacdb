/** @file Tasks other than classes: named targets, their own measure, another view for the teacher. */

import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { graph, input } from '../../src/compose/index.ts';
import { MoonletError } from '../../src/errors.ts';
import { crossEntropy, type LossMaker } from '../../src/learn/loss/index.ts';
import type { Batch, Task } from '../../src/learn/task/index.ts';
import { fitTask, sgd } from '../../src/learn/train/index.ts';
import { random } from '../../src/random.ts';
import { float, init } from '../../src/weights/index.ts';

const line = graph(
  'line',
  input(2).pipe('head', (x) => x.dense(1)),
);

/** y = 3 a - 2 b + 1 at random places; `doubled` is what the teacher sees. */
const regression: Task = {
  name: 'regression',
  targets: { y: { shape: [1] } },
  batches:
    ({ batch, seed }) =>
    (step): Batch => {
      const source = random('regression', seed, step);
      const x = Float32Array.from({ length: 2 * batch }, () => source.uniform());
      const y = Float32Array.from(
        { length: batch },
        (_, i) => 3 * (x[2 * i] as number) - 2 * (x[2 * i + 1] as number) + 1,
      );
      const images = Uint32Array.from({ length: batch }, (_, i) => step * batch + i);
      return { x, targets: { y }, teacherX: x.map((v) => 2 * v), images, view: 0 };
    },
  validate: async (net) => 1 / (1 + Math.abs((net.weights.get('head/dense:kernel')?.data[0] as number) - 3)),
};
const squares: LossMaker = () => ({
  name: 'squares',
  weight: 1,
  student: ['head/dense'],
  targets: ['y'],
  compute: (at) => tf.mean(tf.squaredDifference(at.student('head/dense'), at.target('y'))),
});

describe('a task', () => {
  it('gives losses its targets and is measured its own way', async () => {
    const seen: number[] = [];
    const done = await fitTask(init(line, { seed: 1 }), regression, {
      steps: 300,
      batch: 16,
      losses: [squares],
      optimizer: sgd(),
      rate: 0.1,
      keep: 'best',
      onStep: (at) => expect(at).not.to.have.property('accuracy'),
      onValidation: (_, measure) => seen.push(measure),
    });
    const kernel = done.net.weights.get('head/dense:kernel')?.data as Float32Array;
    expect(kernel[0]).to.be.closeTo(3, 1e-3);
    expect(kernel[1]).to.be.closeTo(-2, 1e-3);
    expect(seen).to.have.length(10);
    expect(seen.at(-1)).to.be.closeTo(1, 1e-3);
  });

  it('may show the teacher something else than the student', async () => {
    const teacher = {
      graph: line,
      weights: new Map([
        ['head/dense:kernel', float([2, 1], Float32Array.of(1, 2))],
        ['head/dense:bias', float([1], Float32Array.of(0.5))],
      ] as const),
    };
    const follow: LossMaker = () => ({
      name: 'follow',
      weight: 1,
      student: ['head/dense'],
      teacher: ['head/dense'],
      compute: (at) => tf.mean(tf.squaredDifference(at.student('head/dense'), at.teacher('head/dense'))),
    });
    const o = { steps: 300, batch: 16, losses: [follow], optimizer: sgd(), rate: 0.1, teacher };
    const { net } = await fitTask(init(line, { seed: 1 }), regression, o);
    // the student sees x where the teacher sees 2 x
    expect(net.weights.get('head/dense:kernel')?.data[0]).to.be.closeTo(2, 1e-3);
    expect(net.weights.get('head/dense:kernel')?.data[1]).to.be.closeTo(4, 1e-3);
  });

  it('is refused by a loss that reads what it does not give', async () => {
    const error = await fitTask(init(line, { seed: 1 }), regression, {
      steps: 1,
      losses: [crossEntropy()],
    }).then(
      () => undefined,
      (e: unknown) => e,
    );
    expect(error).to.be.instanceOf(MoonletError);
    expect((error as Error).message).to.equal(
      'line: the loss cross-entropy reads "labels", and the task "regression" gives y',
    );
  });
});
