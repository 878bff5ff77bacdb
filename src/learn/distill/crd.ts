/**
 * @file Contrastive representation distillation (CRD). Tian, Krishnan and Isola, ICLR 2020, arXiv:1910.10699, section 3: the
 * student's embedding of an image is to be near the teacher's embedding of the same image, and far from those of others.
 *
 *   s = unit(P_s e_student),  t = unit(P_t e_teacher)          two dense layers, trained along, and vectors of length one
 *   h(s, t) = p / (p + m / n),  p = exp(<s, t> / T) / Z         m negatives, n training examples
 *   L = -mean over the batch of [log h(s_i, t_i) + sum over negatives j of log(1 - h(s_i, t_j))], and the same with s and t exchanged
 *
 * This is noise-contrastive estimation (NCE) against uniform noise. The negatives come from two memory banks, [n, length], of the
 * embeddings that each net had when it last saw an example: m <- unit(momentum m + (1 - momentum) new). Z is the mean of the first
 * batch's exponentials times n, one for each bank.
 *
 * Length 128, T = 0.07, 16384 negatives, momentum 0.5, weight 0.8 beside cross-entropy, as in the authors' code. `negatives:
 * 'other-classes'` leaves the examples of the anchor's own class out, as there; the classes of examples are known when they have been seen.
 * Deviation: one draw of negatives serves all images of a batch, so that the products are one matrix product and not one for each image.
 */

import * as tf from '@tensorflow/tfjs-core';
import { checkValue, oneOf } from '../../edit/options.ts';
import { MoonletError } from '../../errors.ts';
import { channelsOf, type Node } from '../../graph/index.ts';
import { random } from '../../random.ts';
import { type LossMaker, type Nets, type Signals, teacherOf, type Variable } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { aboveZero, settingsOf } from '../loss/settings.ts';
import { stopGradient } from '../loss/stop-gradient.ts';
import { checkCount, checkNumber } from '../options.ts';
import { rank1, rank2 } from '../tensors.ts';
import { embeddingPair } from './embeddings.ts';

export interface CrdOptions {
  /** The weight of this loss; 0.8 by default. */
  readonly weight?: number | Schedule;
  /** The length of the projected embeddings; 128 by default. */
  readonly length?: number;
  /** How many negatives a step draws; 16384 by default. */
  readonly count?: number;
  /** Which examples may be negatives: `other-classes`, the default, which reads labels; or `all`. */
  readonly negatives?: 'other-classes' | 'all';
  /** The temperature T of the products; 0.07 by default. */
  readonly temperature?: number | Schedule;
  /** The share of a bank's old embedding that is kept; 0.5 by default. */
  readonly momentum?: number;
  /** The nodes of the embeddings; by default the inputs of the last dense layers. */
  readonly embeddings?: readonly [student: string, teacher: string];
}

/**
 * Contrastive representation distillation with memory banks and noise-contrastive estimation (Tian et al. 2020, arXiv:1910.10699,
 * section 3). Both projections and the banks are dropped when the run ends. Use it together with `crossEntropy`.
 *
 * Memory: two banks of examples x length floats, 10 MB for 10,000 examples and length 128.
 * @throws MoonletError when there is no teacher, an embedding is no vector, or the task does not know how many examples it has; UsageError
 * for options out of range.
 *
 * @example
 * import { graph, init, input } from 'moonlet';
 * import { dataset } from 'moonlet/data';
 * import { distill, losses } from 'moonlet/learn';
 *
 * const pixels = Uint8Array.from({ length: 32 * 64 }, (_, i) => (i * i) % 251);
 * const labels = Array.from({ length: 32 }, (_, i) => i % 4);
 * const data = dataset({ shape: [8, 8, 1], classes: 4, train: { pixels, labels }, test: { pixels, labels } });
 * const tiny = (channels: number) =>
 *   init(graph('tiny', input(8, 8, 1).pipe('stage1', (x) => x.conv(channels).norm().relu()).globalPool().dense(4)));
 * const { finished } = await distill(tiny(8), data.train, data, {
 *   ...{ teacher: tiny(16), steps: 3, batch: 8 },
 *   losses: [losses.crossEntropy(), losses.crd({ length: 8, count: 64 })],
 * });
 * finished; // true
 */
export const crd =
  (o: CrdOptions = {}): LossMaker =>
  (nets) => {
    const { weight = 0.8, length = 128, count = 16384, negatives = 'other-classes', momentum = 0.5 } = o;
    const { temperature = 0.07 } = o;
    checkValue('crd', 'negatives', negatives, oneOf('other-classes', 'all'));
    checkCount('length', length);
    checkCount('count', count);
    checkNumber('momentum', momentum, { least: 0, most: 1 });
    const settings = settingsOf({ temperature: [temperature, aboveZero] });
    const { student, teacher } = embeddingPair(nets.student, teacherOf(nets, 'crd'), 'crd', o.embeddings);
    const examples = examplesOf(nets);
    const byClass = negatives === 'other-classes';
    const head: Node = {
      id: 'projection/crd/dense',
      op: { kind: 'dense', out: length, bias: true },
      inputs: [student.id],
    };
    return {
      name: 'crd',
      weight,
      constants: { negatives, momentum },
      ...settings,
      student: [head.id],
      teacher: [teacher.id],
      beside: [head],
      ...(byClass ? { targets: ['labels'] } : {}),
      picks: { negatives: { count, below: Math.max(1, examples) } },
      readsExamples: true,
      variables: {
        ...projection(channelsOf(teacher.shape), length),
        ...{ student: bank(examples, length, 'student'), teacher: bank(examples, length, 'teacher') },
        ...{ studentZ: constant([], 0), teacherZ: constant([], 0) },
        ...(byClass ? { labels: constant([examples], -1) } : {}),
      },
      notes: [
        `crd: memory banks of ${examples} examples, and projections to ${length} numbers (gone after training)`,
      ],
      compute: (at) => {
        const s = unitRows(rank2(at.student(head.id)));
        const projected = tf.matMul(rank2(at.teacher(teacher.id)), rank2(at.variable('kernel')));
        const t = unitRows(rank2(tf.add(projected, at.variable('bias'))));
        const counted = byClass ? otherClasses(at) : undefined;
        const side = (anchor: tf.Tensor2D, name: Side, other: Side): tf.Scalar => {
          const scores = scoresIn(at, anchor, other);
          const z = constantOf(at, `${name}Z`, scores, examples);
          return contrastOf(tf.div(scores, z), { examples, counted });
        };
        const loss = tf.add<tf.Scalar>(side(s, 'student', 'teacher'), side(t, 'teacher', 'student'));
        for (const [name, value] of [
          ['student', s],
          ['teacher', t],
        ] as const)
          remember(at, name, (old) =>
            unitRows(rank2(tf.add(tf.mul(old, momentum), tf.mul(value, 1 - momentum)))),
          );
        return loss;
      },
    };
  };

type Side = 'student' | 'teacher';

function examplesOf({ examples }: Nets): number {
  if (examples !== undefined) return examples;
  throw new MoonletError(
    'crd: keeps an embedding of each training example, and the task does not say how many there are ("examples")',
  );
}

/** Rows of length one. */
const unitRows = (x: tf.Tensor2D): tf.Tensor2D =>
  tf.mul(x, tf.rsqrt(tf.maximum(tf.sum(tf.square(x), 1, true), 1e-24)));

/** The teacher's projection: a dense layer, begun as PyTorch begins one, uniform within 1 / sqrt(length in). */
function projection(from: number, to: number): Readonly<Record<'kernel' | 'bias', Variable>> {
  const reach = 1 / Math.sqrt(from);
  return {
    kernel: drawn([from, to], reach, 'kernel', true),
    bias: drawn([to], reach, 'bias', true),
  };
}
/** A bank of embeddings, at first uniform within sqrt(3 / length), so that their mean length is about one. */
const bank = (examples: number, length: number, name: string): Variable =>
  drawn([examples, length], Math.sqrt(3 / length), name, false);

function drawn(shape: readonly number[], reach: number, name: string, trained: boolean): Variable {
  const size = shape.reduce((n, d) => n * d, 1);
  return {
    shape,
    trained,
    initial: (seed) => {
      const source = random('crd', seed, name);
      return Float32Array.from({ length: size }, () => reach * (2 * source.uniform() - 1));
    },
  };
}
const constant = (shape: readonly number[], value: number): Variable => ({
  shape,
  trained: false,
  initial: () => new Float32Array(shape.reduce((n, d) => n * d, 1)).fill(value),
});

/** exp(<anchor, bank> / T) of each anchor [batch, length] with its own example and the negatives: [batch, 1 + count]. */
function scoresIn(at: Signals, anchor: tf.Tensor2D, other: Side): tf.Tensor2D {
  const memory = at.variable(other);
  const own = tf.sum(tf.mul(anchor, tf.gather(memory, at.examples)), 1, true);
  const others = tf.matMul(anchor, rank2(tf.gather(memory, at.pick('negatives'))), false, true);
  return rank2(tf.exp(tf.div(tf.concat([rank2(own), others], 1), at.setting('temperature'))));
}

/** Z, which the first batch sets. */
function constantOf(at: Signals, name: string, scores: tf.Tensor, examples: number): tf.Tensor {
  const old = at.variable(name);
  const z = tf.where(tf.greater(old, 0), old, stopGradient(tf.mul(tf.mean(scores), examples)));
  at.assign(name, z);
  return z;
}

/** 1 where a negative is of another class than the anchor or has not been seen yet, else 0: [batch, count]. */
function otherClasses(at: Signals): tf.Tensor2D {
  const labels = tf.cast(at.labels, 'float32');
  const known = remember(at, 'labels', () => labels);
  const theirs = rank1(tf.gather(known, at.pick('negatives')));
  return rank2(tf.cast(tf.notEqual(tf.expandDims(labels, 1), tf.expandDims(theirs, 0)), 'float32'));
}

/** Replaces the batch's rows of a variable; the variable after it. */
function remember(at: Signals, name: string, next: (rows: tf.Tensor) => tf.Tensor): tf.Tensor {
  const all = at.variable(name);
  const rows = tf.gather(all, at.examples);
  const change = stopGradient(tf.sub(next(rows), rows));
  const after = tf.add(all, tf.unsortedSegmentSum(change, at.examples, all.shape[0] ?? 0));
  at.assign(name, after);
  return after;
}

/**
 * The loss of noise-contrastive estimation: p [batch, 1 + m], the positive first. `counted` [batch, m] is 1 for the negatives that
 * count, all by default; m of an anchor is their number.
 */
export function contrastOf(
  p: tf.Tensor,
  { examples, counted }: { readonly examples: number; readonly counted?: tf.Tensor2D | undefined },
): tf.Scalar {
  const [batch = 1, all = 1] = p.shape;
  const noise = counted
    ? tf.div(tf.sum(counted, 1, true), examples)
    : tf.fill([batch, 1], (all - 1) / examples);
  const positive = tf.slice(p, [0, 0], [batch, 1]);
  const negative = tf.slice(p, [0, 1], [batch, all - 1]);
  const eps = 1e-7;
  const hit = tf.log(tf.div(positive, tf.add(tf.add(positive, noise), eps)));
  const miss = tf.log(tf.div(tf.add(noise, 1e-37), tf.add(tf.add(negative, noise), eps)));
  const sum = tf.add<tf.Scalar>(tf.sum(hit), tf.sum(counted ? tf.mul(miss, counted) : miss));
  return tf.neg(tf.div<tf.Scalar>(sum, batch));
}
