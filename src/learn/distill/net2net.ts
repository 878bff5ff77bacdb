/**
 * @file Net2Net as a source of students. Chen, Goodfellow and Shlens, ICLR 2016, arXiv:1511.05641 [149]: the student is
 * larger than its teacher and begins with the teacher's function, so that it learns on from there.
 *
 *   W'[..., j] = W[..., g(j)]  at the layer that grows,  U'[i, ...] = U[g(i), ...] / |{k: g(k) = g(i)}|  behind it
 *
 * for width; identity layers for depth. The edits are `widen`, `deepen` and `grow`, which keep the function on any graph and
 * split a unit's weights among its copies at random shares instead of adding noise. The run goes on at a tenth of the
 * teacher's first rate.
 */
import { type GrowPlan, grow } from '../../edit/index.ts';
import type { Net } from '../../weights/index.ts';
import { type Schedule, scheduleOf } from '../loss/schedule.ts';

export interface Net2Net {
  readonly student: Net;
  /** A tenth of the teacher's. */
  readonly rate: Schedule;
}

/**
 * A student larger than its teacher that computes the same function at first, and the learning rate to go on with.
 * @param rate the teacher's learning rate, 0.1 by default.
 * @throws Refusal when a step of the plan cannot be done on this net.
 *
 * @example
 * import { init } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 * import { methods } from 'moonlet/learn';
 *
 * const teacher = init(wrn({ depth: 10, width: 1, size: 28, channels: 1 }));
 * const { student, rate } = methods.net2net(teacher, [{ widen: { stage1: 'x1.5' } }], { rate: 0.1 });
 * student.graph.nodes.length === teacher.graph.nodes.length; // true
 * rate(0); // 0.01
 */
export function net2net(
  teacher: Net,
  plan: GrowPlan,
  { rate = 0.1, seed = 0 }: { readonly rate?: number | Schedule; readonly seed?: number } = {},
): Net2Net {
  const first = scheduleOf(rate);
  return { student: grow(teacher, plan, { seed }).net, rate: (step) => first(step) / 10 };
}
