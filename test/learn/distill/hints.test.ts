/** @file Hints (Romero et al. [148]): the value, the regressor's rule, and what a first stage trains. */

import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { graph, input } from '../../../src/compose/index.ts';
import { useBackend } from '../../../src/engine/index.ts';
import { MoonletError } from '../../../src/errors.ts';
import { shapes } from '../../../src/graph/index.ts';
import { hintOf, hints } from '../../../src/learn/distill/index.ts';
import { bind } from '../../../src/learn/loss/index.ts';
import { classification } from '../../../src/learn/task/index.ts';
import { fitTask } from '../../../src/learn/train/index.ts';
import { init } from '../../../src/weights/index.ts';
import {
  drawn,
  expectStepAgrees,
  scalarOf,
  tinyScale,
  tinySplit,
  tinyStudent,
  tinyTeacher,
} from '../../support/distilling.ts';
import { shaken } from '../../support/nets.ts';

const net = (name: string, at: number, channels: number) =>
  graph(
    name,
    input(at, at, 1)
      .pipe('stem', (x) => x.conv(channels, { kernel: 1 }).relu())
      .pipe('head', (x) => x.globalPool().dense(10)),
  );

describe('hints (Romero et al.)', () => {
  before(() => useBackend('wasm'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it('are half of the mean square, and nothing where both agree', () => {
    const [a, b] = [drawn([2, 3, 3, 4], 1), drawn([2, 3, 3, 4], 2)];
    const mean = scalarOf(tf.mean(tf.square(tf.sub(a, b))));
    expect(scalarOf(hintOf(a, b))).to.be.closeTo(mean / 2, 1e-6);
    expect(scalarOf(hintOf(a, a))).to.equal(0);
  });

  it('need no regressor where shapes agree, and pick the middle stage', () => {
    const {
      losses,
      notes,
      graph: whole,
    } = bind(tinyStudent(), [hints()], { teacher: shaken(tinyStudent()) });
    expect(losses[0]?.student).to.deep.equal(['stage2/0/add']);
    expect(losses[0]?.teacher).to.deep.equal(['stage2/0/add']);
    expect(notes).to.deep.equal([]);
    expect(whole).to.deep.equal(tinyStudent());
  });

  it('bring the student to the hint by a conv of N_student - N_teacher + 1, with its activation', () => {
    const teacher = shaken(net('teacher', 5, 7));
    const {
      losses,
      notes,
      graph: whole,
    } = bind(net('student', 8, 3), [hints({ pairs: [['stem', 'stem']] })], {
      teacher,
    });
    const id = losses[0]?.student[0] as string;
    expect(shapes(whole).get(id)).to.deep.equal(shapes(teacher.graph).get('stem/act'));
    const added = whole.nodes.filter((n) => n.id.startsWith('adapter/'));
    expect(added.map((n) => n.op)).to.deep.include({ kind: 'act', fn: 'relu' });
    expect(added[0]?.op).to.include({ kind: 'conv', out: 7 }).and.to.have.deep.property('kernel', [4, 4]);
    expect(notes).to.deep.equal([
      'hints: stem/act [8, 8, 3] -> stem/act [5, 5, 7] by conv 4x4, act (343 parameters, gone after training)',
    ]);
    expect(4 * 4 * 3 * 7 + 7).to.equal(343);
  });

  it('are 1x1 where the maps are of one size', () => {
    const { graph: whole } = bind(tinyStudent(), [hints()], { teacher: shaken(tinyTeacher()) });
    const [conv] = whole.nodes.filter((n) => n.id.startsWith('adapter/'));
    expect(conv?.op).to.include({ kind: 'conv', out: 64 }).and.to.have.deep.property('kernel', [1, 1]);
  });

  it('alone train the student up to the guided layer and the regressor, and leave the rest', async () => {
    const student = init(tinyStudent(), { seed: 1 });
    const { net: trained, whole } = await fitTask(student, classification(tinySplit(), tinyScale), {
      steps: 2,
      batch: 8,
      losses: [hints()],
      teacher: shaken(tinyTeacher()),
      onStep: (at) => expect(at).not.to.have.property('accuracy'),
    });
    const moved = (key: string): boolean =>
      trained.weights.get(key as never)?.data.join() !== student.weights.get(key as never)?.data.join();
    for (const [key] of student.weights) {
      const below = /^(stem|stage1|stage2)\//.test(key);
      expect(moved(key), key).to.equal(below);
    }
    expect(trained.graph).to.equal(student.graph);
    expect(whole.weights.has('adapter/hints/0/conv:kernel')).to.equal(true);
    expect(trained.weights.has('adapter/hints/0/conv:kernel')).to.equal(false);
  });

  it('refuse a larger teacher, an unknown place, and shapes that differ when no adapter is allowed', () => {
    const teacher = net('teacher', 8, 7);
    const small = net('student', 5, 3);
    const make =
      (o: Parameters<typeof hints>[0], student = small) =>
      () =>
        hints(o)({ student, teacher });
    expect(make({ pairs: [['stem', 'stem']] })).to.throw(
      MoonletError,
      "hints: the student's stem/act [5, 5, 3] and the teacher's stem/act [8, 8, 7] cannot be adapted: the teacher's map is the larger one; choose other places",
    );
    expect(make({ pairs: [['stme', 'stem']] })).to.throw(
      MoonletError,
      'student: no node at "stme". Did you mean "stem"?',
    );
    expect(make({ pairs: [['stride2', 'stem']] })).to.throw(
      MoonletError,
      'student: no map at stride 2; there are stride1',
    );
    expect(make({ pairs: [['stem', 'stem']], adapt: false }, net('student', 8, 3))).to.throw(
      MoonletError,
      `hints: the student's stem/act [8, 8, 3] and the teacher's stem/act [8, 8, 7] differ; choose other places, or allow an adapter ("adapt": true)`,
    );
    expect(make({ pairs: [['stem', 'head']] })).to.throw(
      MoonletError,
      'cannot be compared: a map and a vector',
    );
  });

  it('make the same step traced as eagerly (law 6)', () => expectStepAgrees([hints()]));
});
