/** @file The methods after the survey that compare classes, against closed forms: identities, invariances, and what they refuse. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import fc from 'fast-check';
import { graph, input } from '../../../src/compose/index.ts';
import { useBackend } from '../../../src/engine/index.ts';
import { MoonletError, UsageError } from '../../../src/errors.ts';
import {
  confidencesOf,
  correlationGap,
  crd,
  decoupledOf,
  dist,
  divergenceOf,
  dkd,
  features,
  functionMatching,
  logitStandardization,
  meanOf,
  multiTeacher,
  reviewKd,
  rkd,
  softTargetsOf,
  srd,
  standardize,
  tokenDistillation,
} from '../../../src/learn/distill/index.ts';
import { bind, type LossMaker, taughtBy } from '../../../src/learn/loss/index.ts';
import { drawn, gap, gradientIn, scalarOf, tinyStudent, tinyTeacher } from '../../support/distilling.ts';
import { shaken } from '../../support/nets.ts';

const logits = (seed: number, rows = 4, classes = 5): tf.Tensor2D =>
  drawn([rows, classes], seed) as tf.Tensor2D;
const labels = (): tf.Tensor1D => tf.tensor1d([2, 0, 4, 1], 'int32');
const make =
  (maker: LossMaker, nets: Partial<Parameters<LossMaker>[0]> = {}) =>
  () =>
    maker({ student: tinyStudent(), teacher: tinyTeacher(), ...nets });
const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);

describe('methods after the survey that compare classes', () => {
  before(() => useBackend('wasm'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  describe('DKD (Zhao et al.)', () => {
    it('has parts whose sum, with 1 - p of the label, is that of soft targets', () =>
      fc.assert(
        fc.property(
          fc.integer({ min: 1, max: 1000 }),
          fc.double({ min: 0.5, max: 6, noNaN: true }),
          (seed, t) => {
            const [s, v] = [logits(seed), logits(seed + 1)];
            const rows = [0, 1, 2, 3].map((i) => {
              const row = (x: tf.Tensor2D): tf.Tensor2D => tf.slice2d(x, [i, 0], [1, 5]);
              const { target, others } = decoupledOf(
                row(s),
                row(v),
                tf.slice1d(labels(), i, 1),
                tf.scalar(t),
              );
              const p =
                tf.softmax(tf.div<tf.Tensor2D>(row(v), t)).dataSync()[labels().dataSync()[i] ?? 0] ?? 0;
              return scalarOf(target) + (1 - p) * scalarOf(others);
            });
            expect(sum(rows) / 4).to.be.closeTo(scalarOf(softTargetsOf(s, v, tf.scalar(t))), 1e-4);
          },
        ),
        { numRuns: 10 },
      ));
    it('keeps its digits where the teacher is sure', () => {
      // p = 1 - 2 e^-40, which float32 rounds to 1
      const sure = tf.tensor2d([[40, 0, 0]]);
      const { target, others } = decoupledOf(
        tf.tensor2d([[0, 1, -1]]),
        sure,
        tf.tensor1d([0], 'int32'),
        tf.scalar(1),
      );
      const q = 1 / (1 + Math.E + 1 / Math.E);
      expect(scalarOf(target)).to.be.closeTo(-Math.log(q), 1e-5);
      const rest = Math.E + 1 / Math.E;
      expect(scalarOf(others)).to.be.closeTo(
        Math.log(0.5) - (Math.log(Math.E / rest) + Math.log(1 / Math.E / rest)) / 2,
        1e-5,
      );
    });
    it('gives the label no part of the other classes’ gradient', () => {
      const only = (x: tf.Tensor): tf.Scalar =>
        decoupledOf(x as tf.Tensor2D, logits(2), labels(), tf.scalar(2)).others;
      const gradient = tf.grad(only)(logits(1)).arraySync() as number[][];
      gradient.forEach((row, i) => {
        expect(row[[2, 0, 4, 1][i] ?? 0]).to.be.closeTo(0, 1e-6);
        expect(sum(row)).to.be.closeTo(0, 1e-6);
      });
    });
    it('is not changed by scale and shift of logits when they are standardized', () => {
      const pair = dkd({ standardized: true })({ student: tinyStudent(), teacher: tinyTeacher() });
      const at = (x: tf.Tensor) => ({
        student: { [pair.student[0] ?? '']: x },
        teacher: { [pair.teacher?.[0] ?? '']: logits(9, 4, 10) },
        labels: [2, 0, 4, 1],
        settings: { alpha: 1, beta: 2, temperature: 4 },
      });
      const x = logits(8, 4, 10);
      const moved = gradientIn(pair, pair.student[0] ?? '', at(tf.add(tf.mul(x, 3), 7)));
      expect(gap(tf.mul(moved, 3), gradientIn(pair, pair.student[0] ?? '', at(x)))).to.be.below(1e-5);
    });
    it('reads one label, and refuses temperatures of 0', () => {
      expect(make(dkd())().targets).to.deep.equal(['labels']);
      expect(make(dkd())().softLabels).to.equal(undefined);
      expect(make(dkd({ temperature: 0 }))).to.throw(
        UsageError,
        'temperature must be a number above 0, got 0',
      );
    });
  });

  describe('logit standardization (Sun et al.)', () => {
    it('brings each row to mean 0 and deviation 1, and a constant row to 0', () => {
      const rows = standardize(logits(3)).arraySync();
      for (const row of rows) {
        expect(sum(row)).to.be.closeTo(0, 1e-5);
        expect(sum(row.map((v) => v * v)) / 4).to.be.closeTo(1, 1e-4);
      }
      const flat = tf.grad((x) => tf.sum(standardize(x as tf.Tensor2D)))(tf.ones([1, 5]));
      for (const v of [...standardize(tf.ones([1, 5])).dataSync(), ...flat.dataSync()])
        expect(v).to.be.closeTo(0, 1e-6);
    });
    it('has the paper’s weight and base temperature', () => {
      const loss = make(logitStandardization())();
      expect([loss.weight, loss.settings]).to.deep.equal([9, { temperature: 2 }]);
    });
  });

  describe('DIST (Huang et al.)', () => {
    it('is 0 for rows that are each other’s positive multiple and shift, and 2 for their negative', () => {
      const u = logits(4);
      const scale = tf.tensor2d([[1], [2], [0.5], [7]]);
      expect(scalarOf(correlationGap(u, tf.add(tf.mul(u, scale), 3)))).to.be.closeTo(0, 1e-5);
      expect(scalarOf(correlationGap(u, tf.neg(u)))).to.be.closeTo(2, 1e-5);
    });
    it('is 1 for a constant row, with a finite gradient', () => {
      const flat = tf.ones<tf.Rank.R2>([1, 5]);
      expect(scalarOf(correlationGap(flat, logits(1, 1)))).to.equal(1);
      for (const g of tf
        .grad((x) => correlationGap(x as tf.Tensor2D, logits(1, 1)))(flat)
        .dataSync())
        expect(Number.isFinite(g)).to.equal(true);
    });
    it('compares examples of a batch: one is refused', () => expect(make(dist())().leastBatch).to.equal(2));
  });

  describe('several teachers', () => {
    it('with one teacher are soft targets, whatever its weight, with confidence or without', () => {
      const [s, v, t] = [logits(1), logits(2), tf.scalar(3)];
      const wanted = scalarOf(softTargetsOf(s, v, t));
      for (const mean of ['probabilities', 'logits'] as const) {
        const target = meanOf([v], [tf.scalar(1)], { temperature: t, mean });
        expect(scalarOf(divergenceOf(s, target, t))).to.be.closeTo(wanted, 1e-4);
      }
      for (const w of confidencesOf([v], labels(), [1]))
        expect([...w.dataSync()]).to.deep.equal([1, 1, 1, 1]);
    });
    it('listen more to the teacher that is right, with weights that sum to 1', () => {
      const right = tf.tensor2d([[4, 0, 0]]);
      const wrong = tf.tensor2d([[0, 4, 0]]);
      const [a, b] = confidencesOf([right, wrong], tf.tensor1d([0], 'int32'), [0.5, 0.5]).map((w) =>
        scalarOf(tf.sum(w)),
      );
      expect((a ?? 0) + (b ?? 0)).to.be.closeTo(1, 1e-6);
      expect(a).to.be.closeTo(1 / (1 + Math.exp(-4)), 1e-5);
    });
    it('are named, with weights above 0', () => {
      const teachers = { big: shaken(tinyTeacher()), small: shaken(tinyStudent()) };
      expect(make(multiTeacher({ teachers: { bug: 1 } }), { teachers })).to.throw(
        MoonletError,
        'multi-teacher: no teacher "bug". Did you mean "big"? Given: big, small',
      );
      expect(make(multiTeacher({ teachers: { big: 0 } }), { teachers })).to.throw(
        UsageError,
        /the weight of the teacher "big"/,
      );
      expect(make(multiTeacher())).to.throw(MoonletError, 'needs teachers by name');
      const loss = make(multiTeacher({ teachers: { big: 3, small: 1 } }), { teachers })();
      expect(loss.teacher).to.deep.equal(['big:head/dense', 'small:head/dense']);
      expect(loss.constants).to.deep.include({ shares: [0.75, 0.25] });
    });
    it('are also named by any other loss, which keeps its variables and merges', () => {
      const teachers = { big: shaken(tinyTeacher()) };
      const { losses } = bind(
        tinyStudent(),
        [taughtBy('big', crd({ length: 4, count: 8 })), taughtBy('big', tokenDistillation())],
        { teachers },
        20,
      );
      expect(losses.map((l) => l.name)).to.deep.equal(['crd@big', 'token-distillation@big']);
      expect(losses[0]?.variables).to.have.property('student');
      expect(losses[1]?.beside?.[0]?.id).to.equal('distillation-head/dense/of-big');
      expect(losses[1]?.merge).to.be.a('function');
    });
  });

  it('function matching is soft targets at temperature 1 without labels, on mixed images', () => {
    const { losses, augment } = functionMatching({ augment: { shift: 2 } });
    expect(augment).to.deep.equal({ shift: 2, mix: { mixup: 1 } });
    const { losses: bound } = bind(tinyStudent(), losses, { teacher: shaken(tinyTeacher()) });
    expect(bound.map((l) => [l.name, l.weight, l.settings, l.targets])).to.deep.equal([
      ['soft-targets', 1, { temperature: 1 }, undefined],
    ]);
    expect(functionMatching({ mixup: 0 }).augment).to.deep.equal({});
    expect(() => functionMatching({ mixup: -1 })).to.throw(UsageError, 'mixup must be');
  });

  it('that compare classes refuse other ones, and all but several teachers need a teacher', () => {
    const teacher = graph(
      'seven',
      input(8, 8, 1)
        .pipe('stage1', (x) => x.conv(6).relu())
        .globalPool()
        .dense(7),
    );
    for (const [name, maker] of Object.entries({
      dkd: dkd(),
      dist: dist(),
      'logit-standardization': logitStandardization(),
      'token-distillation': tokenDistillation(),
    }))
      expect(make(maker, { teacher }), name).to.throw(
        MoonletError,
        `${name}: the student has 10 classes, the teacher 7`,
      );
    for (const maker of [
      dkd(),
      dist(),
      logitStandardization(),
      rkd(),
      features(),
      tokenDistillation(),
      srd(),
      reviewKd(),
      crd(),
    ])
      expect(make(maker, { teacher: undefined })).to.throw(
        MoonletError,
        'needs a teacher, and none was given',
      );
  });
});
