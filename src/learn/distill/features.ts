/**
 * @file Feature distillation as timm has it (its class `FeatureDistillationTask`, version 1.0.31): the student follows the teacher's
 * embedding, the vector that its classifier reads (pooled, before the logits).
 *
 *   L = mean over batch and features of (P e_student + b - e_teacher)^2
 *
 * P is a dense layer that is trained beside the student where the lengths differ; where they are equal there is none. timm's weight is 1
 * beside the loss of the labels. `hints` compares maps inside the nets instead.
 */

import * as tf from '@tensorflow/tfjs-core';
import { type LossMaker, teacherOf } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { adapter } from './adapters.ts';
import { embeddingPair } from './embeddings.ts';

export interface FeaturesOptions {
  /** The weight of this loss; 1 by default. */
  readonly weight?: number | Schedule;
  /** The nodes of the embeddings; by default the inputs of the last dense layers. */
  readonly embeddings?: readonly [student: string, teacher: string];
  /** False: refuse lengths that differ, instead of putting a dense layer between. */
  readonly adapt?: boolean;
}

/**
 * Feature distillation as in timm: the mean squared difference of the embeddings of student and teacher, through a dense layer where
 * their lengths differ. Use it together with `crossEntropy`.
 * @throws MoonletError when there is no teacher, an embedding is no vector, or the lengths differ and no adapter is allowed.
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
 *   losses: [losses.crossEntropy(), losses.features({ weight: 5 })],
 * });
 * finished; // true
 */
export const features =
  ({ weight = 1, embeddings, adapt = true }: FeaturesOptions = {}): LossMaker =>
  (nets) => {
    const pair = embeddingPair(nets.student, teacherOf(nets, 'features'), 'features', embeddings);
    const { id, nodes, note } = adapter(pair, { loss: 'features', adapt });
    return {
      name: 'features',
      weight,
      constants: {},
      student: [id],
      teacher: [pair.teacher.id],
      beside: nodes,
      notes: note === undefined ? [] : [note],
      compute: (at) => tf.mean(tf.squaredDifference(at.student(id), at.teacher(pair.teacher.id))),
    };
  };
