/** @file Makes the losses of a detection recipe. */
import { detectionDistillation } from '../learn/distill/detection.ts';
import { hints } from '../learn/distill/hints.ts';
import { mimic } from '../learn/distill/mimic.ts';
import type { LossMaker } from '../learn/loss/loss.ts';
import { detectorLoss } from '../learn/task/detect/index.ts';
import type { SceneRecipeOf } from './scene-recipe.ts';

/** A detection recipe's losses, for scenes of so many classes. */
export const detectionLosses = (r: SceneRecipeOf<'detection'>, classes: number): readonly LossMaker[] =>
  r.losses.map((l) => lossOf(l, classes));

function lossOf(l: SceneRecipeOf<'detection'>['losses'][number], classes: number): LossMaker {
  switch (l.kind) {
    case 'detector':
      return detectorLoss({ ...l, classes });
    case 'detection':
      return detectionDistillation({ ...l, classes });
    case 'mimic':
      return mimic({ weight: l.weight, ...(l.pair ? { pair: l.pair } : {}) });
    case 'hints':
      return hints({ weight: l.weight, ...(l.pair ? { pairs: [l.pair] } : {}) });
  }
}
