/** @file Distillation: fitting with a teacher whose values the losses read. */
import type { Net } from '../../weights/index.ts';
import { crossEntropy } from '../loss/cross-entropy.ts';
import type { Scale } from '../task/scale.ts';
import type { TrainingImages } from '../task/task.ts';
import { type FitOptions, type Fitted, fit } from '../train/fit.ts';
import { softTargets } from './soft-targets.ts';

export interface DistillOptions extends FitOptions {
  readonly teacher: Net;
}

/**
 * Trains a student by a frozen teacher. By default the losses are soft targets at temperature 4 with weight 0.9 and
 * cross-entropy with weight 0.1 (Hinton et al. 2015, arXiv:1503.02531). Both nets see the same augmented images.
 * @throws MoonletError before the first step when the pair, the data and the losses do not fit together; UsageError for
 * options out of range.
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
 * const { history } = await distill(tiny(8), data.train, data, {
 *   ...{ teacher: tiny(16), steps: 5, batch: 8 },
 *   losses: [losses.crossEntropy({ weight: 0.1 }), losses.softTargets({ weight: 0.9, temperature: 4 })],
 * });
 * history.loss.length; // 5
 */
export const distill = (
  student: Net,
  train: TrainingImages,
  scale: Scale,
  o: DistillOptions,
): Promise<Fitted> =>
  fit(student, train, scale, { losses: [crossEntropy({ weight: 0.1 }), softTargets({ weight: 0.9 })], ...o });
