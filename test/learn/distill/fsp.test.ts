/** @file Flow matrices (Yim et al. [154]): their symmetries, pooling, and what they do not see. */

import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useBackend } from '../../../src/engine/index.ts';
import { MoonletError } from '../../../src/errors.ts';
import { flowOf, fsp } from '../../../src/learn/distill/index.ts';
import { bind } from '../../../src/learn/loss/index.ts';
import {
  drawn,
  expectStepAgrees,
  gap,
  scalarOf,
  signals,
  tinyStudent,
  tinyTeacher,
} from '../../support/distilling.ts';
import { shaken } from '../../support/nets.ts';

const maps = (seed: number, c: number, side = 4): tf.Tensor4D =>
  drawn([2, side, side, c], seed) as tf.Tensor4D;

describe('flow matrices (Yim et al.)', () => {
  before(() => useBackend('wasm'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it('are sums over places of products of channels, over h w', () => {
    const a = tf.tensor4d([1, 2, 3, 4], [1, 1, 2, 2]); // places (1, 2) and (3, 4)
    const b = tf.tensor4d([5, 7], [1, 1, 2, 1]);
    expect([...flowOf(a, b).dataSync()]).to.deep.equal([(1 * 5 + 3 * 7) / 2, (2 * 5 + 4 * 7) / 2]);
  });
  it('are transposed when the maps change places', () => {
    const [a, b] = [maps(1, 3), maps(2, 5)];
    expect(gap(flowOf(a, b), tf.transpose(flowOf(b, a), [0, 2, 1]))).to.be.below(1e-6);
  });
  it('have their rows permuted when the channels of the first map are', () => {
    const [a, b] = [maps(1, 3), maps(2, 5)];
    const order = tf.tensor1d([2, 0, 1], 'int32');
    expect(gap(flowOf(tf.gather(a, order, 3), b), tf.gather(flowOf(a, b), order, 1))).to.be.below(1e-6);
  });
  it('do not see a rearrangement of places common to both maps: zero without equality', () => {
    const [a, b] = [maps(1, 3), maps(2, 5)];
    const turned = (x: tf.Tensor4D) => tf.reverse(x, [1, 2]);
    expect(gap(flowOf(turned(a), turned(b)), flowOf(a, b))).to.be.below(1e-6);
    expect(gap(turned(a), a)).to.be.above(0.1);
  });
  it('pool the larger map by its maxima', () => {
    const [a, b] = [maps(1, 3, 8), maps(2, 5, 4)];
    const pooled = tf.maxPool(a, 2, 2, 'valid');
    expect(gap(flowOf(a, b), flowOf(pooled, b))).to.equal(0);
    expect(gap(flowOf(b, a), flowOf(b, pooled))).to.equal(0);
  });

  it('give squared Frobenius norms, summed over pairs and averaged over the batch', () => {
    const points = [
      ['stem', 'stem'],
      ['stage1', 'stage1'],
      ['stage2', 'stage2'],
    ] as const;
    const loss = fsp({ points })({ student: tinyStudent(), teacher: tinyStudent() });
    const [s, t] = [10, 20].map((seed) => [maps(seed, 3, 8), maps(seed + 1, 4, 8), maps(seed + 2, 5, 4)]);
    const named = (ids: readonly string[] = [], values: readonly tf.Tensor[] = []) =>
      Object.fromEntries(ids.map((id, i) => [id, values[i] as tf.Tensor]));
    const of = (student?: readonly tf.Tensor[]) =>
      scalarOf(
        loss.compute(signals({ student: named(loss.student, student), teacher: named(loss.teacher, t) })),
      );
    const norm = (i: number): number => {
      const [x, y] = [s, t].map((f) => flowOf(f?.[i] as tf.Tensor4D, f?.[i + 1] as tf.Tensor4D));
      return scalarOf(tf.sum(tf.square(tf.sub(x as tf.Tensor, y as tf.Tensor)))) / 2;
    };
    expect(of(s)).to.be.closeTo(norm(0) + norm(1), 1e-4);
    expect(of(t)).to.equal(0);
  });

  it('stand between stem and stages; a 1x1 conv is made where channels differ, and said', () => {
    const teacher = shaken(tinyTeacher());
    const { losses, notes } = bind(tinyStudent(), [fsp()], { teacher });
    expect(losses[0]?.teacher).to.deep.equal(['stem/conv', 'stage1/0/add', 'stage2/0/add', 'stage3/0/add']);
    expect(losses[0]?.student).to.deep.equal([
      'stem/conv',
      'adapter/fsp/1/conv',
      'adapter/fsp/2/conv',
      'adapter/fsp/3/conv',
    ]);
    expect(notes).to.have.length(3);
    expect(notes[0]).to.equal(
      'fsp: stage1/0/add [8, 8, 16] -> stage1/0/add [8, 8, 32] by conv 1x1 (544 parameters, gone after training)',
    );
    expect(bind(tinyStudent(), [fsp()], { teacher: shaken(tinyStudent()) }).notes).to.deep.equal([]);
  });

  it('refuse one place alone, vectors, and channels that differ when no adapter is allowed', () => {
    const make = (o: Parameters<typeof fsp>[0]) => () =>
      fsp(o)({ student: tinyStudent(), teacher: tinyTeacher() });
    expect(make({ points: [['stem', 'stem']] })).to.throw(
      MoonletError,
      'fsp: a matrix needs two places, and there is one',
    );
    expect(make({ adapt: false })).to.throw(MoonletError, `allow an adapter ("adapt": true)`);
    expect(
      make({
        points: [
          ['head/dense', 'head/dense'],
          ['stem', 'stem'],
        ],
      }),
    ).to.throw(
      MoonletError,
      "fsp: the student's head/dense [10] and stem/conv [8, 8, 16] do not pool to one size",
    );
  });

  it('make the same step traced as eagerly (law 6)', () => expectStepAgrees([fsp()]));
});
