/** @file Loss weights and temperatures that change in a run, as data: `{ "from": 4, "to": 1 }`. */
import * as z from 'zod';
import type { Schedule } from '../learn/loss/schedule.ts';

const changingWithin = (number: z.ZodNumber) =>
  z.union([
    number,
    z.strictObject({
      from: number,
      to: number,
      /** `sigmoid` is the ramp exp(-5 (1 - t)^2) of Laine and Aila 2017, arXiv:1610.02242, section 3. */
      kind: z.enum(['linear', 'cosine', 'sigmoid']).default('linear'),
      /** The share of the run after which `to` is reached. */
      until: z.number().gt(0).max(1).default(1),
    }),
  ]);
/** The schema of a number from 0 up that may change over a run. */
export const changing = changingWithin(z.number().min(0));
/** The same above 0: a temperature, by which logits are divided. */
export const changingAboveZero = changingWithin(z.number().gt(0));
export type Changing = z.output<typeof changing>;

/** A ramp as a schedule of a run of so many steps. */
export function ramp(value: Changing, steps: number): number | Schedule {
  if (typeof value === 'number') return value;
  const { from, to, kind, until } = value;
  const last = Math.max(1, until * steps - 1);
  return (step) => {
    const t = Math.min(1, step / last);
    return from + (to - from) * curves[kind](t);
  };
}
const curves: Readonly<Record<'linear' | 'cosine' | 'sigmoid', (t: number) => number>> = {
  linear: (t) => t,
  cosine: (t) => (1 - Math.cos(Math.PI * t)) / 2,
  sigmoid: (t) => Math.exp(-5 * (1 - t) ** 2),
};
