/** @file Distillation: fitting with a teacher whose values the losses read. */
import type { Split } from '../../data/index.ts';
import type { Net } from '../../weights/index.ts';
import { crossEntropy } from '../loss/cross-entropy.ts';
import type { Scale } from '../task/scale.ts';
import { type FitOptions, type Fitted, fit } from '../train/fit.ts';
import { softTargets } from './soft-targets.ts';

export interface DistillOptions extends FitOptions {
  readonly teacher: Net;
}

/**
 * Train a student by a frozen teacher. Without `losses`: soft targets at temperature 4 with nine tenths of the
 * weight, hard labels with the rest (Hinton et al. 2015). Both nets see the same augmented images.
 * @throws MoonletError before the first step when the pair, the data and the losses do not fit together.
 */
export const distill = (student: Net, train: Split, scale: Scale, o: DistillOptions): Promise<Fitted> =>
  fit(student, train, scale, { losses: [crossEntropy({ weight: 0.1 }), softTargets({ weight: 0.9 })], ...o });
