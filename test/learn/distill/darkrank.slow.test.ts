/** @file DarkRank (Chen, Wang and Zhang [155]): distributions over orders, and what moves them. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useBackend } from '../../../src/engine/index.ts';
import { MoonletError } from '../../../src/errors.ts';
import {
  darkRank,
  hardRankOf,
  logOrders,
  orders,
  scoresOf,
  softRankOf,
} from '../../../src/learn/distill/index.ts';
import {
  drawn,
  expectStepAgrees,
  gap,
  scalarOf,
  tinyStudent,
  tinyTeacher,
} from '../../support/distilling.ts';

const o = { alpha: 3, beta: 3, list: 4 };
const scores = (seed: number): tf.Tensor2D => drawn([3, 4], seed) as tf.Tensor2D;

describe('DarkRank (Chen, Wang and Zhang)', () => {
  before(() => useBackend('wasm'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it('looks at every order once, and their probabilities sum to one', () => {
    for (const n of [2, 3, 4, 5])
      expect(new Set(orders(n).map(String)).size).to.equal([2, 6, 24, 120][n - 2]);
    for (const sum of tf.sum(tf.exp(logOrders(scores(1))), 1).dataSync()) expect(sum).to.be.closeTo(1, 1e-5);
  });
  it('gives Plackett and Luce’s probability of an order', () => {
    const s = [0.5, -1, 2];
    const found = logOrders(tf.tensor2d([s])).dataSync();
    orders(3).forEach((order, i) => {
      const e = order.map((k) => Math.exp(s[k] as number));
      const [a, b, c] = e as [number, number, number];
      expect(Math.exp(found[i] as number)).to.be.closeTo(((a / (a + b + c)) * b) / (b + c), 1e-5);
    });
  });
  it('scores by -alpha |q - x|^beta of embeddings of length one', () => {
    const x = drawn([10, 6], 4) as tf.Tensor2D;
    const rows = x.arraySync().map((r) => r.map((v) => v / Math.hypot(...r)));
    const found = scoresOf(x, o).arraySync();
    const between = (a: number, b: number): number =>
      Math.hypot(...(rows[a] ?? []).map((v, i) => v - (rows[b]?.[i] ?? 0)));
    expect(found).to.have.length(2);
    for (const [g, q] of [0, 5].entries())
      for (let i = 0; i < 4; i++) expect(found[g]?.[i]).to.be.closeTo(-3 * between(q, q + 1 + i) ** 3, 1e-4);
  });
  it('does not see an isometry of the embedding', () => {
    const x = drawn([10, 2], 4) as tf.Tensor2D;
    const [cos, sin] = [Math.cos(0.7), Math.sin(0.7)];
    const turned = tf.matMul(
      x,
      tf.tensor2d([
        [cos, sin],
        [sin, -cos],
      ]),
    ); // a rotation and a mirror
    expect(gap(scoresOf(turned as tf.Tensor2D, o), scoresOf(x, o))).to.be.below(1e-4);
  });
  it('vanishes in the soft form where the scores agree, and is positive elsewhere', () => {
    expect(scalarOf(softRankOf(scores(1), scores(1)))).to.be.closeTo(0, 1e-6);
    expect(scalarOf(softRankOf(scores(1), scores(2)))).to.be.above(0.01);
  });
  it('is least in the hard form where the student has the teacher’s order', () => {
    const teacher = tf.tensor2d([[3, 1, 2, 0]]);
    const values = orders(4).map((ranks) => scalarOf(hardRankOf(tf.tensor2d([[...ranks]]), teacher)));
    const best = orders(4).findIndex((ranks) => ranks.join() === '3,1,2,0');
    expect(values.indexOf(Math.min(...values))).to.equal(best);
  });
  it('has gradients in the scores that sum to zero, in both forms', () => {
    for (const form of [softRankOf, hardRankOf]) {
      const gradient = tf.grad((x) => form(x as tf.Tensor2D, scores(2)))(scores(1));
      for (const sum of tf.sum(gradient, 1).dataSync()) expect(sum).to.be.closeTo(0, 1e-6);
    }
  });
  it('has finite gradients where a candidate is the query itself', () => {
    const x = tf.tile(drawn([1, 6], 4), [5, 1]) as tf.Tensor2D;
    const gradient = tf.grad((e) => tf.sum(scoresOf(e as tf.Tensor2D, o)))(x);
    for (const g of gradient.dataSync()) expect(Number.isFinite(g)).to.equal(true);
  });
  it('reads what the last dense layer reads, whatever its length, and refuses what is no embedding', () => {
    const loss = darkRank()({ student: tinyStudent(), teacher: tinyTeacher() });
    expect([loss.student, loss.teacher]).to.deep.equal([['head/globalPool'], ['head/globalPool']]);
    const make = (with_: Parameters<typeof darkRank>[0]) => () =>
      darkRank(with_)({ student: tinyStudent(), teacher: tinyTeacher() });
    expect(make({ embeddings: ['stage1', 'stage1'] })).to.throw(
      MoonletError,
      'darkrank: stage1/0/add [8, 8, 16] is a map; an embedding is a vector',
    );
    expect(make({ list: 9 })).to.throw(MoonletError, 'darkrank: lists are of 2 to 6 candidates, got 9');
    expect(() => scoresOf(drawn([4, 6], 1) as tf.Tensor2D, o)).to.throw(
      MoonletError,
      'darkrank: a batch of 4 has no list of 4 candidates and their query',
    );
  });
  it('makes the same step traced as eagerly, in both forms (law 6)', async () => {
    for (const form of ['soft', 'hard'] as const) await expectStepAgrees([darkRank({ form })]);
  });
});
