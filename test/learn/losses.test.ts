/** @file Losses against their closed forms. */

import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import fc from 'fast-check';
import { useBackend } from '../../src/engine/index.ts';
import { MoonletError } from '../../src/errors.ts';
import { type Graph, shapes } from '../../src/graph/index.ts';
import {
  attention,
  attentionMap,
  attentionOf,
  softTargets,
  softTargetsOf,
} from '../../src/learn/distill/index.ts';
import { crossEntropy, crossEntropyOf, type Loss } from '../../src/learn/loss/index.ts';
import { mobilenetV1, resnetCifar, wrn } from '../../zoo/architectures/index.ts';
import { signals as bare } from '../support/distilling.ts';

const value = (t: tf.Tensor): number => (t.dataSync() as Float32Array)[0] as number;
const logits = fc.array(
  fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 4, maxLength: 4 }),
  {
    minLength: 3,
    maxLength: 3,
  },
);

/** The teacher's maps that nodes beside it read. */
const mapsOf = ({ besideTeacher }: Loss): readonly string[] => {
  const own = new Set(besideTeacher?.nodes.map((n) => n.id));
  return (besideTeacher?.nodes ?? []).flatMap((n) => [...new Set(n.inputs)].filter((id) => !own.has(id)));
};

describe('losses', () => {
  before(() => useBackend('wasm'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  describe('cross-entropy', () => {
    const labels = (): tf.Tensor1D => tf.tensor1d([0, 2, 3], 'int32');
    it('is log K when all logits are equal, smoothed or not', () => {
      const z = tf.zeros<tf.Rank.R2>([3, 4]);
      expect(value(crossEntropyOf(z, labels(), 4))).to.be.closeTo(Math.log(4), 1e-6);
      expect(value(crossEntropyOf(z, labels(), 4, 0.3))).to.be.closeTo(Math.log(4), 1e-6);
    });
    it('is -mean log p of the label', () =>
      fc.assert(
        fc.property(logits, (rows) => {
          const expected = rows.map((row, i) => {
            const sum = row.reduce((s, v) => s + Math.exp(v), 0);
            return -Math.log(Math.exp(row[[0, 2, 3][i] as number] as number) / sum);
          });
          const mean = expected.reduce((s, v) => s + v, 0) / 3;
          expect(value(crossEntropyOf(tf.tensor2d(rows), labels(), 4))).to.be.closeTo(mean, 1e-4);
        }),
        { numRuns: 30 },
      ));
    it('has the gradient (p - q) / batch', () => {
      const z = tf.tensor2d([
        [1, 2, 0, -1],
        [0.5, 0, 0, 3],
        [2, 2, 1, 0],
      ]);
      const gradient = tf.grad((x) => crossEntropyOf(x as tf.Tensor2D, labels(), 4, 0.2))(z);
      const target = tf.add(tf.mul(tf.oneHot(labels(), 4), 0.8), 0.05);
      const expected = tf.div(tf.sub(tf.softmax(z), target), 3);
      expect(value(tf.max(tf.abs(tf.sub(gradient, expected))))).to.be.below(1e-6);
    });
  });

  describe('soft targets (Hinton et al.)', () => {
    const z = (): tf.Tensor2D =>
      tf.tensor2d([
        [1, 2, 0, -1],
        [0.5, 0, 0, 3],
      ]);
    const v = (): tf.Tensor2D =>
      tf.tensor2d([
        [0, 1, 4, -2],
        [1, 1, -1, 0],
      ]);
    it('vanish when the logits agree, at any temperature', () => {
      for (const t of [1, 4, 20]) expect(value(softTargetsOf(z(), z(), tf.scalar(t)))).to.be.closeTo(0, 1e-6);
    });
    it('do not change when a constant is added to the logits', () => {
      const base = value(softTargetsOf(z(), v(), tf.scalar(3)));
      expect(value(softTargetsOf(tf.add(z(), 7), tf.sub(v(), 2), tf.scalar(3)))).to.be.closeTo(base, 1e-4);
    });
    it('at T = 1 are cross-entropy with soft labels, less the entropy of these', () => {
      const p = tf.softmax(v());
      const crossed = value(tf.neg(tf.mean(tf.sum(tf.mul(p, tf.logSoftmax(z())), 1))));
      const entropy = value(tf.neg(tf.mean(tf.sum(tf.mul(p, tf.log(p)), 1))));
      expect(value(softTargetsOf(z(), v(), tf.scalar(1)))).to.be.closeTo(crossed - entropy, 1e-5);
    });
    it('have the gradient T (q - p) / batch, which tends to (z - v) / (K batch) for centred logits', () => {
      const centre = (x: tf.Tensor2D): tf.Tensor2D => tf.sub(x, tf.mean(x, 1, true));
      const [a, b] = [centre(z()), centre(v())];
      const gradientAt = (t: number): tf.Tensor =>
        tf.grad((x) => softTargetsOf(x as tf.Tensor2D, b, tf.scalar(t)))(a);
      const exact = tf.mul(tf.sub(tf.softmax(tf.div(a, 5)), tf.softmax(tf.div(b, 5))), 5 / 2);
      expect(value(tf.max(tf.abs(tf.sub(gradientAt(5), exact))))).to.be.below(1e-5);
      const limit = tf.div(tf.sub(a, b), 4 * 2);
      expect(value(tf.max(tf.abs(tf.sub(gradientAt(300), limit))))).to.be.below(1e-2);
    });
    it('refuse a missing teacher and other classes', () => {
      const make = softTargets();
      expect(() => make({ student: wrn() })).to.throw(
        MoonletError,
        'soft-targets: needs a teacher, and none was given',
      );
      expect(() => make({ student: wrn(), teacher: wrn({ classes: 100 }) })).to.throw(
        MoonletError,
        'soft-targets: the student has 10 classes, the teacher 100; the numbers must be equal',
      );
    });
  });

  describe('attention transfer (Zagoruyko and Komodakis)', () => {
    const maps = (seed: number, c = 5): tf.Tensor4D => tf.randomNormal([3, 4, 4, c], 0, 1, 'float32', seed);
    it('vanishes when student and teacher agree', () => {
      expect(value(attentionOf(maps(1), maps(1)))).to.equal(0);
    });
    it('does not see positive scaling of a map nor the order of channels', () => {
      const [s, t] = [maps(1), maps(2, 7)];
      const base = value(attentionOf(s, t));
      expect(value(attentionOf(tf.mul(s, 3), tf.mul(t, 0.2)))).to.be.closeTo(base, 1e-7);
      const order = tf.tensor1d([4, 2, 0, 1, 3], 'int32');
      expect(value(attentionOf(tf.gather(s, order, 3), t))).to.be.closeTo(base, 1e-7);
    });
    it('compares unit maps, so that it never passes 2 / (h w)', () => {
      const lengths = tf.sum(tf.square(attentionMap(maps(3))), [1, 2]).dataSync();
      for (const length of lengths) expect(length).to.be.closeTo(1, 1e-5);
      const corner = (i: number): tf.Tensor4D =>
        tf.tensor4d(
          Array.from({ length: 16 }, (_, k) => (k === i ? 1 : 0)),
          [1, 4, 4, 1],
        );
      expect(value(attentionOf(corner(0), corner(5)))).to.be.closeTo(2 / 16, 1e-6);
    });
    it('is the squared mean of the difference of normalized maps', () => {
      const s = tf.tensor4d([1, 2, 0, 1], [1, 1, 2, 2]); // places (1, 2) and (0, 1): means of squares 2.5 and 0.5
      const t = tf.tensor4d([3, 4], [1, 1, 2, 1]); // 9 and 16
      const unit = (a: number, b: number): [number, number] => [a / Math.hypot(a, b), b / Math.hypot(a, b)];
      const [p, q] = [unit(2.5, 0.5), unit(9, 16)];
      const expected = ((p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2) / 2;
      expect(value(attentionOf(s, t))).to.be.closeTo(expected, 1e-6);
    });
    it('has a finite gradient at a map of zeros', () => {
      const gradient = tf.grad((x) => attentionOf(x as tf.Tensor4D, maps(1)))(tf.zeros([3, 4, 4, 5]));
      for (const g of gradient.dataSync()) expect(g).to.equal(0);
    });
    it('pairs the stages that both nets name, and divides beta by their count over three', () => {
      const loss = attention()({ student: wrn({ depth: 10 }), teacher: wrn({ depth: 16, width: 2 }) });
      expect(loss.student).to.deep.equal(['stage1/0/add', 'stage2/0/add', 'stage3/0/add']);
      expect(mapsOf(loss)).to.deep.equal(['stage1/1/add', 'stage2/1/add', 'stage3/1/add']);
      expect(loss.weight).to.equal(1000);
      const signals = (names: readonly string[] | undefined) => {
        const found = new Map(names?.map((id, i) => [id, tf.mean(tf.square(maps(i + 1)), 3, true)]));
        return (id: string) => found.get(id) as tf.Tensor;
      };
      const of = (l: ReturnType<ReturnType<typeof attention>>, student: tf.Tensor4D) =>
        value(l.compute({ ...bare({ x: student }), student: () => student, teacher: signals(l.teacher) }));
      const one = attention({ pairs: [['stage1', 'stage1']] })({ student: wrn(), teacher: wrn() });
      expect(of(one, maps(9))).to.be.closeTo(3 * value(attentionOf(maps(9), maps(1))), 1e-6);
      const mean = [1, 2, 3].reduce((s, i) => s + value(attentionOf(maps(9), maps(i))), 0);
      expect(of(loss, maps(9))).to.be.closeTo(mean, 1e-6);
    });
    it('pairs by strides the nets whose stages of one name differ in size', () => {
      const loss = attention()({ student: resnetCifar(), teacher: mobilenetV1({ size: 32 }) });
      const sizes = (graph: Graph, ids: readonly string[] = []) =>
        ids.map((id) => shapes(graph).get(id)?.slice(0, 2));
      expect(sizes(resnetCifar(), loss.student)).to.deep.equal(
        sizes(mobilenetV1({ size: 32 }), mapsOf(loss)),
      );
      expect(loss.student.length).to.be.above(1);
    });
    it('refuses unknown paths, sizes that differ and a missing teacher', () => {
      expect(() => attention({ pairs: [['stage9', 'stage1']] })({ student: wrn(), teacher: wrn() })).to.throw(
        MoonletError,
        'wrn: no node at "stage9". Did you mean "stage1"?',
      );
      expect(() => attention({ pairs: [['stage1', 'stage2']] })({ student: wrn(), teacher: wrn() })).to.throw(
        MoonletError,
        'attention: stage1 [32, 32, 16] and stage2 [16, 16, 32] differ in height or width',
      );
      expect(() => attention()({ student: wrn() })).to.throw(
        MoonletError,
        'attention: needs a teacher, and none was given',
      );
    });
  });

  it('cross-entropy needs a vector of classes', () => {
    const map = { ...wrn(), outputs: ['stage3/1/add'] };
    expect(() => crossEntropy()({ student: map })).to.throw(
      MoonletError,
      'the output is a map 8x8x64, not a vector of classes',
    );
  });
});
