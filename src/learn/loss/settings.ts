/** @file The numbers of a loss that may change over a run, and their bounds, to which schedules are held too. */
import { type Bounds, checkNumber } from '../options.ts';
import type { Loss } from './loss.ts';
import { type Schedule, scheduleOf } from './schedule.ts';

/** Of a temperature or another divisor. */
export const aboveZero: Bounds = { above: 0 };
/** Of the weight of a part of a loss. */
export const fromZero: Bounds = { least: 0 };

/**
 * The settings of a loss, each a number with its bounds.
 * @throws UsageError for a number out of its bounds. Those that change are checked when a run begins.
 */
export function settingsOf(
  given: Readonly<Record<string, readonly [value: number | Schedule, bounds: Bounds]>>,
): Required<Pick<Loss, 'settings' | 'bounds'>> {
  const all = Object.entries(given);
  for (const [name, [value, bounds]] of all) if (typeof value === 'number') checkNumber(name, value, bounds);
  return {
    settings: Object.fromEntries(all.map(([name, [value]]) => [name, value])),
    bounds: Object.fromEntries(all.map(([name, [, bounds]]) => [name, bounds])),
  };
}

/** A loss's settings at a step. @throws UsageError for one that is not finite, or out of its bounds. */
export function settingsAt({ name: loss, settings = {}, bounds = {} }: Loss, at: number) {
  return Object.entries(settings).map(([name, setting]) => {
    const value = scheduleOf(setting)(at);
    checkNumber(`step ${at + 1}: ${name} of ${loss}`, value, bounds[name]);
    return { name, value };
  });
}
