/** @file Sobolev training alone: weights that derivatives do not depend on, and teachers with images of their own. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { graph, input } from '../../../src/compose/index.ts';
import type { EngineName } from '../../../src/engine/index.ts';
import { distill, sobolev } from '../../../src/learn/distill/index.ts';
import type { LossMaker } from '../../../src/learn/loss/index.ts';
import { classification } from '../../../src/learn/task/index.ts';
import { fit, fitTask, sgd } from '../../../src/learn/train/index.ts';
import { init, materialize, type Net, type WeightKey } from '../../../src/weights/index.ts';
import { line } from '../../support/refused.ts';

const scale = { shape: [4, 4, 1], mean: 0.4, std: 0.3 } as const;
const labels = Uint8Array.from({ length: 12 }, (_, i) => i % 3);
const pixels = Uint8Array.from({ length: 12 * 16 }, (_, i) => (i * i + 7 * i) % 251);
const train = { count: 12, pixels, labels };
const linear = (seed: number): Net => init(graph('linear', input(4, 4, 1).flatten().dense(3)), { seed });
const valueAt = ({ weights }: Net, key: WeightKey): Float32Array =>
  materialize(weights.get(key) ?? expect.fail(`no ${key}`));

describe('Sobolev training', () => {
  for (const engine of ['onnxruntime', 'wasm', 'cpu'] satisfies EngineName[])
    it(`alone moves the kernel, and leaves the bias, which no derivative depends on: ${engine}`, async () => {
      const student = linear(1);
      const o = { steps: 2, batch: 4, rate: 0.1, optimizer: sgd(), engine };
      const { net } = await fit(student, train, scale, { ...o, teacher: linear(2), losses: [sobolev()] });
      expect(valueAt(net, 'dense:kernel')).to.not.deep.equal(valueAt(student, 'dense:kernel'));
      expect(valueAt(net, 'dense:bias')).to.deep.equal(valueAt(student, 'dense:bias'));
    });

  it('is refused where a loss depends on no weight at all', async () => {
    const still: LossMaker = () => ({
      name: 'still',
      weight: 1,
      student: ['dense'],
      compute: (at) => tf.mean(at.x),
    });
    const o = { steps: 1, batch: 4, losses: [still] };
    expect(await line(() => fit(linear(1), train, scale, o))).to.include(
      'the losses do not depend on any weight that is trained',
    );
  });

  it('is refused where the teacher has images of its own', async () => {
    const o = { teacher: linear(2), losses: [sobolev()], steps: 1, batch: 4 };
    const refusal =
      "sobolev: compares student and teacher on the same images, and the teacher has images of its own (teacherImages); choose a teacher that takes the student's images, or another loss";
    const teacherImages = { ...scale, std: 0.1, train };
    expect(await line(() => distill(linear(1), train, scale, { ...o, teacherImages }))).to.equal(refusal);
    // a task that says so by its batches alone
    const { teacherShape: _, ...task } = classification(train, scale, { teacherImages });
    expect(await line(() => fitTask(linear(1), task, o))).to.equal(refusal);
  });
});
