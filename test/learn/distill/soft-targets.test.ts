/** @file Soft targets (Hinton et al. [153]) and attention in one step; their values are held in losses.test.ts. */

import { attention, softTargets } from '../../../src/learn/distill/index.ts';
import { crossEntropy } from '../../../src/learn/loss/index.ts';
import { expectStepAgrees } from '../../support/distilling.ts';

describe('soft targets (Hinton et al.)', () => {
  it('make the same step traced as eagerly, also beside labels and attention (law 6)', async () => {
    await expectStepAgrees([softTargets({ temperature: 4 })]);
    await expectStepAgrees([
      crossEntropy({ weight: 0.1 }),
      softTargets({ weight: 0.9 }),
      attention({ weight: 1000 }),
    ]);
  });
});
