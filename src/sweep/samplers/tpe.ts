/**
 * @file The tree-structured Parzen estimator. Bergstra, Bardenet, Bengio and Kegl, NeurIPS 2011, "Algorithms for hyper-parameter
 * optimization", section 4: earlier trials are split into the best ones and the others, each dimension has a density l of the former
 * and g of the latter, and of some draws from l the one with the largest l / g is taken, which maximizes the expected improvement.
 * With several objectives the best ones are those of the first Pareto fronts (Ozaki et al. 2020, MOTPE).
 *
 * Whole candidates are drawn and compared, not the values of each dimension: limits hold for a candidate, and values that no trial
 * within them has had look better than any other (both densities are those of chance there). The next draft of a trial is the next
 * best candidate.
 */
import { get } from '../../access.ts';
import { type Random, random } from '../../random.ts';
import { countOf, drawn, placeOf, uniform, valueAt } from '../dimension.ts';
import { ranking } from '../pareto.ts';
import { type Dimension, same, type Values } from '../space.ts';
import type { Dimensions, Observed, Sampler } from './sampler.ts';

export interface TpeOptions {
  readonly startup: number;
  readonly good: number;
  readonly draws: number;
}
/** So many trials are looked at, the newest ones. */
const most = 1000;
/** At most so many count as good, as in hyperopt. */
const mostGood = 25;

export function tpe(dimensions: Dimensions, seed: number, o: TpeOptions): Sampler {
  let last: { readonly key: string; readonly ranked: readonly Values[] } | undefined;
  return {
    learns: true,
    draft: (trial, attempt, observed) => {
      if (observed.length < o.startup)
        return { values: uniform(dimensions, random('sweep', seed, trial, attempt)) };
      const turn = Math.floor(attempt / o.draws);
      const key = `${trial}/${turn}/${observed.length}`;
      if (last?.key !== key)
        last = { key, ranked: ranked(dimensions, observed, o, random('sweep', seed, trial, turn)) };
      return { values: last.ranked[attempt % o.draws]! };
    },
  };
}

/** As many candidates as draws are asked for, by the product of their ratios l / g, the largest first. */
function ranked(
  dimensions: Dimensions,
  observed: readonly Observed[],
  o: TpeOptions,
  source: Random,
): readonly Values[] {
  const seen = observed.slice(-most);
  const order = ranking(seen.map((t) => t.scores));
  const count = Math.min(mostGood, Math.max(1, Math.ceil(o.good * Math.sqrt(seen.length))));
  const [good = [], others = []] = [order.slice(0, count), order.slice(count)].map((part) =>
    part.map((i) => seen[i]!),
  );
  const models = new Map(
    Object.entries(dimensions).map(([key, d]) => [
      key,
      modelOf(d, valuesOf(good, key), valuesOf(others, key)),
    ]),
  );
  return Array.from({ length: o.draws }, () => {
    let sum = 0;
    const values = drawn(dimensions, (_, key) => {
      const [value, ratio] = get(models, key)(source);
      sum += ratio;
      return value;
    });
    return { values, sum };
  })
    .sort((a, b) => b.sum - a.sum)
    .map(({ values }) => values);
}

/** The values of a dimension in the trials in which it is active. */
const valuesOf = (trials: readonly Observed[], key: string): readonly unknown[] =>
  trials.flatMap(({ values }) => (Object.hasOwn(values, key) ? [values[key]] : []));

/** Draws a value of a dimension from the density of the good ones, with the logarithm of its ratio to the other density. */
function modelOf(
  d: Dimension,
  good: readonly unknown[],
  others: readonly unknown[],
): (source: Random) => readonly [value: unknown, ratio: number] {
  if ('choice' in d) {
    const [l, g] = [weights(d.choice, good), weights(d.choice, others)];
    return (source) => {
      const k = drawnFrom(l, source);
      return [d.choice[k], Math.log(l[k]! / g[k]!)];
    };
  }
  const [l, g] = [parzen(placesOf(d, good)), parzen(placesOf(d, others))];
  return (source) => {
    const x = l.draw(source);
    return [valueAt(d, x), Math.log(l.density(x)) - Math.log(g.density(x))];
  };
}

/** The share of each choice, with one imagined trial spread over all. */
function weights(choices: readonly unknown[], seen: readonly unknown[]): readonly number[] {
  const counts = choices.map((c) => 1 / choices.length + seen.filter((v) => same(v, c)).length);
  return counts.map((n) => n / (seen.length + 1));
}
function drawnFrom(shares: readonly number[], source: Random): number {
  let left = source.uniform();
  for (const [i, share] of shares.entries()) {
    left -= share;
    if (left < 0) return i;
  }
  return shares.length - 1;
}

/** Places in 0 .. 1; whole numbers stand in the middle of their cells. */
function placesOf(d: Dimension, values: readonly unknown[]): readonly number[] {
  return values.flatMap((v) => {
    if (typeof v !== 'number') return [];
    if ('whole' in d) return [((v - d.whole[0]) / d.step + 0.5) / countOf(d)];
    return [placeOf(d, v)];
  });
}

interface Density {
  density(x: number): number;
  draw(source: Random): number;
}
/**
 * A mixture of normal densities on 0 .. 1, one at each place and a wide one in the middle (the prior). A width is the larger distance
 * to the two neighbours, at least 1 / min(100, n + 1) and at most 1, as in hyperopt.
 */
function parzen(places: readonly number[]): Density {
  const sorted = [...places, 0.5].sort((a, b) => a - b);
  const least = 1 / Math.min(100, sorted.length + 1);
  const prior = sorted.indexOf(0.5);
  const widths = sorted.map((x, i) => {
    if (i === prior) return 1;
    const [before, after] = [sorted[i - 1] ?? 0, sorted[i + 1] ?? 1];
    return Math.min(1, Math.max(least, x - before, after - x));
  });
  const masses = sorted.map((x, i) => normalBelow((1 - x) / widths[i]!) - normalBelow(-x / widths[i]!));
  return {
    density: (x) =>
      sorted.reduce((sum, at, i) => {
        const z = (x - at) / widths[i]!;
        return sum + Math.exp(-0.5 * z * z) / (widths[i]! * masses[i]! * Math.sqrt(2 * Math.PI));
      }, 1e-12) / sorted.length,
    draw: (source) => {
      const i = source.below(sorted.length);
      for (let turn = 0; turn < 100; turn++) {
        const x = sorted[i]! + widths[i]! * source.normal();
        if (x >= 0 && x <= 1) return x;
      }
      return sorted[i]!;
    },
  };
}

/** The standard normal distribution function, by Abramowitz and Stegun 26.2.17 (error below 7.5e-8). */
function normalBelow(x: number): number {
  if (x < 0) return 1 - normalBelow(-x);
  const t = 1 / (1 + 0.2316419 * x);
  const series = [1.330274429, -1.821255978, 1.781477937, -0.356563782, 0.31938153];
  const tail =
    (series.reduce((sum, c) => (sum + c) * t, 0) * Math.exp(-0.5 * x * x)) / Math.sqrt(2 * Math.PI);
  return 1 - tail;
}
