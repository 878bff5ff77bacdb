/**
 * @file Moonshine. Crowley, Gray and Storkey, NeurIPS 2018, arXiv:1711.02613 [151]: the student is the teacher with every
 * block made cheap (`cheapen`), trained from scratch beside it with attention transfer.
 *
 *   L = CE + beta / n sum over the n stages of the squared mean difference of attention maps,  beta = 1000 (attention.ts)
 *
 * Heights, widths and channels agree wherever blocks end, so that no adapter is ever needed.
 */
import { cheapen } from '../../edit/index.ts';
import { init, type Net } from '../../weights/index.ts';
import { crossEntropy } from '../loss/cross-entropy.ts';
import type { LossMaker } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { attention } from './attention.ts';

export interface MoonshineOptions {
  readonly seed?: number;
  /** beta; 1000 by default. */
  readonly weight?: number | Schedule;
}
export interface Moonshine {
  readonly student: Net;
  readonly losses: readonly LossMaker[];
}

/**
 * A student made of its teacher by cheap blocks, and its losses, for `distill(student, ..., { teacher, losses })`.
 * @param block what replaces the teacher's convs, such as `G(4)` or `BG(2,2)`.
 * @throws Refusal when the teacher has no block that could be made cheap by it.
 *
 * @example
 * import { cost, init } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 * import { methods } from 'moonlet/learn';
 *
 * const teacher = init(wrn({ depth: 10, width: 1, size: 28, channels: 1 }));
 * const { student, losses } = methods.moonshine(teacher, 'G(4)');
 * cost(student.graph).params < cost(teacher.graph).params; // true
 * losses.length; // 2
 */
export const moonshine = (
  teacher: Net,
  block: string,
  { seed = 0, weight = 1000 }: MoonshineOptions = {},
): Moonshine => ({
  student: init(cheapen(teacher.graph, block), { seed }),
  losses: [crossEntropy(), attention({ weight })],
});
