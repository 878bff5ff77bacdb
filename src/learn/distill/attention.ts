/**
 * @file Attention transfer. Zagoruyko and Komodakis 2016, arXiv:1612.03928, the activation-based form that Moonshine
 * trains its students with (Crowley et al. 2018, arXiv:1711.02613) [151].
 *
 *   a(x) = f / |f|,  f = mean over channels of x^2, flattened over places
 *   L = (3 / n) sum over the n pairs of mean over batch and places of (a(student) - a(teacher))^2
 *
 * The papers print an unsquared norm; the authors' code takes the squared mean, to which beta = 1000 is tuned, and
 * divides beta by n / 3. We follow the code. Only heights and widths must agree, not channels.
 *
 * f of the teacher is computed with the teacher: a cache of its values then takes 1 / channels of what maps would take.
 */

import * as tf from '@tensorflow/tfjs-core';
import { item } from '../../access.ts';
import { MoonletError } from '../../errors.ts';
import { channelsOf, type Op, printShape } from '../../graph/index.ts';
import { float } from '../../weights/index.ts';
import { type BesideTeacher, type LossMaker, teacherOf } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { checkPairs, sameSize, stagePairs, type Tap, tapPair } from '../loss/taps.ts';
import { described } from '../own-function.ts';
import { rank3, rank4 } from '../tensors.ts';

export interface AttentionOptions {
  /** beta; 1000 by default. */
  readonly weight?: number | Schedule;
  /** Layers of student and teacher whose maps are compared; by default the stages or strides that both have. */
  readonly pairs?: readonly (readonly [student: string, teacher: string])[];
}

/**
 * Attention transfer: 3 beta / n times the sum over n pairs of layers of the mean squared difference of attention maps, which
 * are the mean square over channels, scaled to length one (Zagoruyko and Komodakis 2017, arXiv:1612.03928).
 * @throws MoonletError when there is no teacher, a path is unknown, or sizes differ; UsageError for `pairs` without a pair.
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
 *   losses: [losses.crossEntropy(), losses.attention({ weight: 1000, pairs: [['stage1', 'stage1']] })],
 * });
 * finished; // true
 */
export const attention =
  ({ weight = 1000, pairs }: AttentionOptions = {}): LossMaker =>
  (nets) => {
    if (pairs) checkPairs('attention', 'pairs', pairs);
    const teacher = teacherOf(nets, 'attention');
    const named = pairs?.map(([mine, theirs]) => {
      const pair = tapPair(nets.student, teacher, [mine, theirs]);
      if (sameSize(pair)) return pair;
      throw new MoonletError(
        `attention: ${mine} ${printShape(pair.student.shape)} and ${theirs} ${printShape(pair.teacher.shape)} differ in height or width`,
      );
    });
    const pairsOf = named ?? stagePairs(nets.student, teacher, 'attention');
    const squares = pairsOf.map((pair) => meanSquares(pair.teacher));
    const taps = pairsOf.map((pair, i) => [pair.student.id, item(squares, i).id] as const);
    return {
      name: 'attention',
      weight,
      constants: {},
      student: taps.map(([s]) => s),
      teacher: taps.map(([, t]) => t),
      besideTeacher: {
        nodes: squares.flatMap(({ nodes }) => nodes),
        weights: new Map(squares.flatMap(({ weights }) => [...weights])),
      },
      compute: described(
        (at) => {
          const each = taps.map(([s, t]) =>
            apart(attentionMap(rank4(at.student(s))), scaledToOne(rank3(tf.squeeze(at.teacher(t), [3])))),
          );
          return tf.mul<tf.Scalar>(tf.addN(each), 3 / taps.length);
        },
        ...['attention', taps],
      ),
    };
  };

/** f as nodes that read a map [h, w, c] of the teacher: its square, and the mean over channels as a 1x1 conv. */
function meanSquares({ id, shape }: Tap): BesideTeacher & { readonly id: string } {
  const channels = channelsOf(shape);
  const [square, mean] = [`${id}/attention/square`, `${id}/attention/mean`];
  const op: Op = {
    ...{ kind: 'conv', out: 1, kernel: [1, 1], stride: [1, 1], dilation: [1, 1] },
    ...{ groups: 1, padding: 'valid', bias: false },
  };
  return {
    id: mean,
    nodes: [
      { id: square, op: { kind: 'mul' }, inputs: [id, id] },
      { id: mean, op, inputs: [square] },
    ],
    weights: new Map([
      [`${mean}:kernel` as const, float([1, 1, channels, 1], new Float32Array(channels).fill(1 / channels))],
    ]),
  };
}

/** One pair's value: maps [batch, h, w, c] and [batch, h, w, c']. At most 2 / (h w), for the maps are unit vectors. */
export const attentionOf = (student: tf.Tensor4D, teacher: tf.Tensor4D): tf.Scalar =>
  apart(attentionMap(student), attentionMap(teacher));

const apart = (a: tf.Tensor3D, b: tf.Tensor3D): tf.Scalar => tf.mean(tf.squaredDifference(a, b));

/** [batch, h, w, c] -> [batch, h, w], of length one over the places. A map of zeros stays zero. */
export const attentionMap = (x: tf.Tensor4D): tf.Tensor3D => scaledToOne(tf.mean(tf.square(x), 3));

function scaledToOne(f: tf.Tensor3D): tf.Tensor3D {
  const squares = tf.sum(tf.square(f), [1, 2], true);
  return tf.mul(f, tf.rsqrt(tf.maximum(squares, 1e-24)));
}
