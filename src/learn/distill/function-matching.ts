/**
 * @file Function matching, the "patient and consistent teacher". Beyer, Zhai, Royer, Markeeva, Anil and Kolesnikov, CVPR 2022,
 * arXiv:2106.05237: student and teacher are functions of an image, and should agree on as many images as possible.
 *
 *   L = T^2 KL(softmax(v / T) || softmax(z / T)),  averaged over the batch
 *
 * - no labels: the teacher alone says what is right;
 * - consistent: both see the very same image, with its random crop, mirror and mixture;
 * - mixup with a share that is uniform on [0, 1], so that images between images are matched too. Both nets see the mixed image;
 * - patient: many times longer than a run with labels, which would overfit.
 *
 * The loss is that of `softTargets`; this file gives the other two parts as options of a run.
 */

import type { LossMaker } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { checkNumber } from '../options.ts';
import type { Augment } from '../task/augment.ts';
import { softTargets } from './soft-targets.ts';

export interface FunctionMatchingOptions {
  /** The temperature; 1 by default. */
  readonly temperature?: number | Schedule;
  /** alpha of mixup's shares, which have the distribution Beta(alpha, alpha); 1, uniform, by default. 0: no mixup. */
  readonly mixup?: number;
  /** How images are varied besides. */
  readonly augment?: Augment;
}

/** The options of a run that function matching sets. */
export interface FunctionMatching {
  readonly losses: readonly LossMaker[];
  readonly augment: Augment;
}

/**
 * Function matching as options of `distill` (Beyer et al. 2022, arXiv:2106.05237): soft targets without labels, on images that are mixed
 * alike for student and teacher. The paper's runs are 30 times and more as long as usual.
 * @throws UsageError for an alpha or a temperature out of range.
 *
 * @example
 * import { graph, init, input } from 'moonlet';
 * import { dataset } from 'moonlet/data';
 * import { distill, methods } from 'moonlet/learn';
 *
 * const pixels = Uint8Array.from({ length: 32 * 64 }, (_, i) => (i * i) % 251);
 * const labels = Array.from({ length: 32 }, (_, i) => i % 4);
 * const data = dataset({ shape: [8, 8, 1], classes: 4, train: { pixels, labels }, test: { pixels, labels } });
 * const tiny = (channels: number) =>
 *   init(graph('tiny', input(8, 8, 1).pipe('stage1', (x) => x.conv(channels).norm().relu()).globalPool().dense(4)));
 * const { finished } = await distill(tiny(8), data.train, data, {
 *   ...{ teacher: tiny(16), steps: 3, batch: 8 },
 *   ...methods.functionMatching({ augment: { shift: 1, flip: true } }),
 * });
 * finished; // true
 */
export function functionMatching({
  temperature = 1,
  mixup = 1,
  augment = {},
}: FunctionMatchingOptions = {}): FunctionMatching {
  checkNumber('mixup', mixup, { least: 0 });
  if (typeof temperature === 'number') checkNumber('temperature', temperature, { above: 0 });
  return {
    losses: [softTargets({ weight: 1, temperature })],
    augment: mixup ? { ...augment, mix: { ...augment.mix, mixup } } : augment,
  };
}
