/** @file Values of one dimension: drawn, changed, listed. */
import type { Random } from '../random.ts';
import { type Dimension, isActive, type Values } from './space.ts';

/** How many values a dimension has; Infinity for a range of real numbers. */
export function countOf(d: Dimension): number {
  if ('choice' in d) return d.choice.length;
  if ('whole' in d) return Math.floor((d.whole[1] - d.whole[0]) / d.step) + 1;
  return Number.POSITIVE_INFINITY;
}

/** The value at a place between 0 and 1. */
export function valueAt(d: Dimension, place: number): unknown {
  if ('choice' in d) return d.choice[Math.min(d.choice.length - 1, Math.floor(place * d.choice.length))];
  if ('whole' in d) return d.whole[0] + d.step * Math.min(countOf(d) - 1, Math.floor(place * countOf(d)));
  if ('range' in d) return rounded(d.range[0] + place * (d.range[1] - d.range[0]), d.range);
  const [low, high] = [Math.log(d.log[0]), Math.log(d.log[1])];
  return rounded(Math.exp(low + place * (high - low)), d.log);
}

/** Six digits are enough of a setting, and are readable. */
const rounded = (x: number, [low, high]: readonly [number, number]): number =>
  Math.min(high, Math.max(low, Number(x.toPrecision(6))));

/** The values of a dimension in a grid. */
export function levelsOf(d: Dimension, levels: number): readonly unknown[] {
  if ('choice' in d) return d.choice;
  const count = 'whole' in d ? Math.min(levels, countOf(d)) : levels;
  const spread = Array.from({ length: count }, (_, i) => {
    if ('whole' in d)
      return d.whole[0] + d.step * Math.round((i / Math.max(1, count - 1)) * (countOf(d) - 1));
    return valueAt(d, i / (count - 1));
  });
  return [...new Set(spread)];
}

/** A candidate drawn dimension by dimension; `pick` draws the value of one that is active. */
export function drawn(
  dimensions: Readonly<Record<string, Dimension>>,
  pick: (d: Dimension, key: string) => unknown,
): Values {
  const values: Record<string, unknown> = {};
  for (const [key, d] of Object.entries(dimensions)) if (isActive(d, values)) values[key] = pick(d, key);
  return values;
}

/** A candidate drawn uniformly (log ranges: uniformly in the logarithm). */
export const uniform = (dimensions: Readonly<Record<string, Dimension>>, source: Random): Values =>
  drawn(dimensions, (d) => valueAt(d, source.uniform()));

/**
 * Another value near this one: a choice becomes any other, a whole number moves by up to a quarter of its range, a real number by a
 * normal step of a tenth of its range (in the logarithm, for log ranges).
 */
export function mutated(d: Dimension, value: unknown, source: Random): unknown {
  if ('choice' in d) {
    const others = d.choice.filter((c) => JSON.stringify(c) !== JSON.stringify(value));
    return others.length ? others[source.below(others.length)] : value;
  }
  if (typeof value !== 'number') return valueAt(d, source.uniform());
  if ('whole' in d) {
    const [count, at] = [countOf(d), (value - d.whole[0]) / d.step];
    const most = Math.max(1, Math.floor(count / 4));
    const move = (1 + source.below(most)) * (source.uniform() < 0.5 ? -1 : 1);
    const moved = at + move < 0 || at + move >= count ? at - move : at + move;
    return d.whole[0] + d.step * Math.max(0, Math.min(count - 1, moved));
  }
  const place = placeOf(d, value) + 0.1 * source.normal();
  return valueAt(d, place < 0 ? -place % 1 : place > 1 ? 1 - ((place - 1) % 1) : place);
}

/** The place of a number between 0 and 1: the inverse of `valueAt` for ranges. */
export function placeOf(d: Dimension, value: number): number {
  if ('range' in d) return (value - d.range[0]) / (d.range[1] - d.range[0]);
  if ('log' in d) return Math.log(value / d.log[0]) / Math.log(d.log[1] / d.log[0]);
  if ('whole' in d) return (value - d.whole[0]) / Math.max(1, d.whole[1] - d.whole[0]);
  return 0;
}
