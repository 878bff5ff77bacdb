/** @file The methods after the survey that compare embeddings and maps, against closed forms. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { graph, input } from '../../../src/compose/index.ts';
import { useBackend } from '../../../src/engine/index.ts';
import { MoonletError } from '../../../src/errors.ts';
import { shapes } from '../../../src/graph/index.ts';
import {
  adaptivePool,
  anglesOf,
  contextLoss,
  contrastOf,
  crd,
  distancesOf,
  features,
  huber,
  reviewKd,
  rkd,
  srd,
  tokenDistillation,
} from '../../../src/learn/distill/index.ts';
import { bind, type LossMaker } from '../../../src/learn/loss/index.ts';
import { init } from '../../../src/weights/index.ts';
import { drawn, gap, scalarOf, tinyStudent, tinyTeacher } from '../../support/distilling.ts';
import { shaken } from '../../support/nets.ts';

const logits = (seed: number, rows = 4, classes = 5): tf.Tensor2D =>
  drawn([rows, classes], seed) as tf.Tensor2D;
const make =
  (maker: LossMaker, nets: Partial<Parameters<LossMaker>[0]> = {}) =>
  () =>
    maker({ student: tinyStudent(), teacher: tinyTeacher(), ...nets });
const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);

describe('methods after the survey that compare embeddings and maps', () => {
  before(() => useBackend('wasm'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  describe('RKD (Park et al.)', () => {
    it('sees distances divided by their mean, and cosines of angles', () => {
      // a right triangle of sides 3, 4, 5
      const x = tf.tensor2d([
        [0, 0],
        [3, 0],
        [0, 4],
      ]);
      expect(
        distancesOf(x)
          .arraySync()[0]
          ?.map((d) => Math.round(1e5 * d) / 1e5),
      ).to.deep.equal([0, 0.75, 1]);
      const angles = anglesOf(x).arraySync();
      expect(angles[0]?.[1]?.[2]).to.be.closeTo(0, 1e-6);
      expect(angles[1]?.[0]?.[2]).to.be.closeTo(3 / 5, 1e-6);
      expect(angles[2]?.[0]?.[1]).to.be.closeTo(4 / 5, 1e-6);
    });
    it('does not see motions and scales of all embeddings together', () => {
      const x = logits(5, 6, 3);
      const turned = tf.matMul(
        x,
        tf.tensor2d([
          [0, 1, 0],
          [0, 0, -1],
          [1, 0, 0],
        ]),
      );
      const moved = tf.add<tf.Tensor2D>(tf.mul(turned, 2.5), 4);
      expect(gap(distancesOf(moved), distancesOf(x))).to.be.below(1e-5);
      expect(gap(anglesOf(moved), anglesOf(x))).to.be.below(1e-5);
    });
    it('has Huber’s loss: half a square up to 1, then linear, with its slope', () => {
      const at = (v: number): number => scalarOf(huber(tf.tensor1d([v]), tf.tensor1d([0])));
      expect([0, 0.5, -1, 3].map(at)).to.deep.equal([0, 0.125, 0.5, 2.5]);
      const slope = tf.grad((x) => tf.mul(huber(x, tf.zeros([4])), 4))(tf.tensor1d([0.5, -0.5, 3, -3]));
      expect([...slope.dataSync()]).to.deep.equal([0.5, -0.5, 1, -1]);
    });
    it('has finite gradients where two examples are equal', () => {
      const x = tf.tile(logits(1, 1, 3), [4, 1]) as tf.Tensor2D;
      for (const f of [distancesOf, anglesOf])
        for (const g of tf
          .grad((e) => tf.sum(tf.square(f(e as tf.Tensor2D))))(x)
          .dataSync())
          expect(Number.isFinite(g)).to.equal(true);
    });
    it('refuses maps as embeddings, by its own name', () =>
      expect(make(rkd({ embeddings: ['stage1', 'stage1'] }))).to.throw(
        MoonletError,
        'rkd: stage1/0/add [8, 8, 16] is a map; an embedding is a vector',
      ));
  });

  describe('features and tokens (timm)', () => {
    it('project the embedding where lengths differ, and only there', () => {
      const { graph: whole, notes } = bind(tinyStudent(), [features()], { teacher: shaken(tinyTeacher()) });
      expect(shapes(whole).get('adapter/features/0/dense')).to.deep.equal([128]);
      expect(notes[0]).to.match(
        /^features: head\/globalPool \[64\] -> head\/globalPool \[128\] by dense \(8320 parameters/,
      );
      expect(bind(tinyStudent(), [features()], { teacher: shaken(tinyStudent()) }).notes).to.deep.equal([]);
      expect(make(features({ adapt: false }))).to.throw(MoonletError, `allow an adapter ("adapt": true)`);
    });
    it('hard tokens are the cross-entropy with the teacher’s choice', () => {
      const loss = make(tokenDistillation({ form: 'hard' }))();
      expect(loss.student).to.deep.equal(['distillation-head/dense']);
      expect(loss.settings).to.deep.equal({});
    });
    it('refuse a student whose logits are no dense layer', () => {
      const student = graph('conv-head', input(8, 8, 1).conv(10, { kernel: 3 }).globalPool());
      expect(make(tokenDistillation(), { student })).to.throw(
        MoonletError,
        /^token-distillation: the logits of conv-head, "globalPool", are no dense layer of their own/,
      );
    });
  });

  describe('SRD (Yang et al.)', () => {
    it('takes the activation that stands before the teacher’s embedding, and none where there is none', () => {
      const linear = graph(
        'linear',
        input(8, 8, 1)
          .pipe('stage1', (x) => x.conv(6).norm())
          .globalPool()
          .dense(10),
      );
      const kinds = (teacher: typeof linear): string[] =>
        bind(tinyStudent(), [srd()], { teacher: init(teacher) })
          .graph.nodes.filter((n) => n.id.startsWith('connector/'))
          .map((n) => n.op.kind);
      expect(kinds(tinyTeacher())).to.deep.equal(['dense', 'norm', 'act']);
      expect(kinds(linear)).to.deep.equal(['dense', 'norm']);
    });
    it('needs the teacher’s weights', () =>
      expect(make(srd())).to.throw(MoonletError, 'srd: needs the teacher with its weights'));
  });

  describe('ReviewKD (Chen et al.)', () => {
    it('pools maps of any size as averages of cells', () => {
      const x = tf.reshape(tf.range(0, 5), [1, 5, 1, 1]) as tf.Tensor4D;
      // cells of rows 0-1, 1-3 and 3-4
      const tall = tf.tile(x, [1, 1, 5, 1]) as tf.Tensor4D;
      expect([...adaptivePool(tall, 3).dataSync()].filter((_, i) => i % 3 === 0)).to.deep.equal([
        0.5, 2, 3.5,
      ]);
      const whole = drawn([2, 7, 7, 3], 1) as tf.Tensor4D;
      expect(gap(tf.reshape(adaptivePool(whole, 1), [2, 3]), tf.mean(whole, [1, 2]))).to.be.below(1e-6);
    });
    it('weighs levels of context by 1/2, 1/4, 1/8: a constant difference counts once', () => {
      const t = drawn([2, 8, 8, 3], 2) as tf.Tensor4D;
      expect(scalarOf(contextLoss(tf.add(t, 3), t))).to.be.closeTo(9, 1e-4);
      // a difference of alternating signs is gone in all pools: it counts with 1 / (1 + 1/2 + 1/4 + 1/8)
      const signs = tf.tensor4d(
        Float32Array.from({ length: 64 }, (_, i) => ((i + (i >> 3)) % 2 ? 1 : -1)),
        [1, 8, 8, 1],
      );
      expect(scalarOf(contextLoss(tf.add(t, signs), t))).to.be.closeTo(8 / 15, 1e-4);
    });
    it('fuses the stages and the pooled map, and says what it trains', () => {
      const {
        losses,
        notes,
        graph: whole,
      } = bind(tinyStudent(), [reviewKd()], { teacher: shaken(tinyTeacher()) });
      expect(losses[0]?.teacher).to.deep.equal([
        'stage1/0/add',
        'stage2/0/add',
        'stage3/0/add',
        'head/globalPool',
      ]);
      const outputs = losses[0]?.student.map((id) => shapes(whole).get(id));
      expect(outputs).to.deep.equal([
        [8, 8, 32],
        [4, 4, 64],
        [2, 2, 128],
        [1, 1, 128],
      ]);
      const beside = new Set(losses[0]?.beside?.map((n) => n.id));
      const added = init(whole).weights;
      const params = [...added].flatMap(([key, w]) =>
        beside.has(key.slice(0, key.indexOf(':'))) && !/:(mean|variance)$/.test(key) ? w.data.length : [],
      );
      expect(notes[0]).to.include(`fused by ${sum(params)} parameters`);
    });
    it('repeats the gates for any number of channels', () => {
      for (const channels of [1, 2, 5, 12, 64]) {
        const { graph: whole } = bind(tinyStudent(), [reviewKd({ channels })], {
          teacher: shaken(tinyTeacher()),
        });
        expect(shapes(whole).get('review-kd/level1/fused')).to.deep.equal([8, 8, channels]);
      }
    });
    it('refuses levels that are no multiples of each other, or of other sizes than the teacher’s', () => {
      const odd = graph(
        'odd',
        input(7, 7, 1)
          .pipe('stage1', (x) => x.conv(4))
          .pipe('stage2', (x) => x.conv(4, { stride: 2 })),
      );
      expect(make(reviewKd(), { student: odd, teacher: odd })).to.throw(
        MoonletError,
        /^review-kd: the map of stage1\/conv, 7 x 7, is no whole multiple of the deeper level's, 4 x 4/,
      );
      expect(make(reviewKd({ pairs: [['stage1', 'stage2']] }))).to.throw(
        MoonletError,
        'review-kd: stage1/0/add [8, 8, 16] and stage2/0/add [4, 4, 64] must be maps of one height and width',
      );
    });
  });

  describe('CRD (Tian et al.)', () => {
    it('is noise-contrastive estimation: log-odds against m / n', () => {
      const p = tf.tensor2d([[0.3, 0.1, 0.2]]);
      const noise = 2 / 10;
      const wanted = -(
        Math.log(0.3 / (0.3 + noise)) +
        Math.log(noise / (0.1 + noise)) +
        Math.log(noise / (0.2 + noise))
      );
      expect(scalarOf(contrastOf(p, { examples: 10 }))).to.be.closeTo(wanted, 1e-5);
    });
    it('leaves out negatives of the anchor’s class, and counts the others', () => {
      const p = tf.tensor2d([[0.3, 0.1, 0.2]]);
      const counted = tf.tensor2d([[0, 1]]);
      const wanted = -(Math.log(0.3 / 0.4) + Math.log(0.1 / 0.3));
      expect(scalarOf(contrastOf(p, { examples: 10, counted }))).to.be.closeTo(wanted, 1e-5);
    });
    it('needs to know how many examples there are', () =>
      expect(make(crd())).to.throw(MoonletError, /^crd: keeps an embedding of each training example/));
    it('begins with banks of rows of length about one, by the seed', () => {
      const { variables = {} } = make(crd({ length: 16 }), { examples: 50 })();
      const values = variables['student']?.initial(1) ?? new Float32Array();
      expect(sum([...values].map((v) => v * v)) / 50).to.be.closeTo(1, 0.15);
      expect(values).to.deep.equal(variables['student']?.initial(1));
      expect(values).to.not.deep.equal(variables['student']?.initial(2));
      expect(values).to.not.deep.equal(variables['teacher']?.initial(1));
    });
  });
});
