/** @file Schedules: how a learning rate, a temperature or a loss weight changes over the steps of a run. */
import { UsageError } from '../../errors.ts';

/** The value at a step, 0 .. steps - 1. */
export type Schedule = (step: number) => number;
/** A schedule that does not change. */
export const constant =
  (value: number): Schedule =>
  () =>
    value;
/** A plain number is a schedule that does not change. */
export const scheduleOf = (value: number | Schedule): Schedule =>
  typeof value === 'number' ? constant(value) : value;

/** Half a cosine from `peak` to `floor`, after a linear warm-up (Loshchilov and Hutter 2016, arXiv:1608.03983, eq. 5). */
export function cosine(o: { steps: number; peak: number; floor?: number; warmup?: number }): Schedule {
  const { steps, peak, floor = 0, warmup = 0 } = o;
  return (step) => {
    if (step < warmup) return (peak * (step + 1)) / warmup;
    const done = Math.min(1, (step - warmup) / Math.max(1, steps - warmup));
    return floor + ((peak - floor) * (1 + Math.cos(Math.PI * done))) / 2;
  };
}

/**
 * Up from peak / 25 over the share `rise` of the steps, then down to nearly nothing, both on half cosines
 * (Smith and Topin 2017, arXiv:1708.07120; the constants of the widely used code).
 */
export function oneCycle(o: { steps: number; peak: number; rise?: number }): Schedule {
  const { steps, peak, rise = 0.3 } = o;
  const top = Math.max(1, rise * steps - 1);
  const start = peak / 25;
  const end = start / 1e4;
  const blend = (from: number, to: number, t: number): number =>
    to + ((from - to) * (1 + Math.cos(Math.PI * t))) / 2;
  return (step) =>
    step <= top
      ? blend(start, peak, step / top)
      : blend(peak, end, Math.min(1, (step - top) / Math.max(1, steps - 1 - top)));
}

/** `peak` times `factor` for every boundary passed. Boundaries are shares of the run, such as [0.3, 0.6, 0.8]. */
export function stepwise(o: {
  steps: number;
  peak: number;
  at: readonly number[];
  factor?: number;
}): Schedule {
  const { steps, peak, at, factor = 0.2 } = o;
  return (step) => peak * factor ** at.filter((share) => step >= share * steps).length;
}

/** Schedules by name, for recipes. */
export function schedule(kind: string, o: { steps: number; peak: number }): Schedule {
  switch (kind) {
    case 'constant':
      return constant(o.peak);
    case 'cosine':
      return cosine(o);
    case 'one-cycle':
      return oneCycle(o);
    case 'step':
      return stepwise({ ...o, at: [0.3, 0.6, 0.8] });
    default:
      throw new UsageError(`no schedule "${kind}"; known: ${scheduleNames.join(', ')}`);
  }
}
/** The schedules that recipes can name. */
export const scheduleNames = ['one-cycle', 'cosine', 'step', 'constant'] as const;
