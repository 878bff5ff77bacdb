/**
 * @file Regularized evolution. Real, Aggarwal, Huang and Le, AAAI 2019, arXiv:1802.01548, algorithm 1: of some members of the
 * population, drawn at random, the best is the parent; its mutation joins and the oldest member dies.
 */
import { random } from '../../random.ts';
import { drawn, mutated, uniform, valueAt } from '../dimension.ts';
import { ranking } from '../pareto.ts';
import type { Dimensions, Sampler } from './sampler.ts';

export interface EvolutionOptions {
  readonly population: number;
  readonly sample: number;
}

/** The population are the newest trials with a result. A mutation changes one dimension that is active. */
export function evolution(dimensions: Dimensions, seed: number, o: EvolutionOptions): Sampler {
  return {
    learns: true,
    draft: (trial, attempt, observed) => {
      const source = random('sweep', seed, trial, attempt);
      const alive = observed.filter(({ scores }) => scores.every(Number.isFinite)).slice(-o.population);
      if (trial < o.population || !alive.length) return { values: uniform(dimensions, source) };
      const sample = Array.from({ length: o.sample }, () => alive[source.below(alive.length)]!);
      const parent = sample[ranking(sample.map((t) => t.scores))[0] ?? 0]!;
      const keys = Object.keys(parent.values);
      const changed = keys[source.below(keys.length)];
      const values = drawn(dimensions, (d, key) => {
        const value = parent.values[key];
        if (key === changed) return mutated(d, value, source);
        // what the mutation has made active is drawn
        return Object.hasOwn(parent.values, key) ? value : valueAt(d, source.uniform());
      });
      return { values, parent: parent.trial };
    },
  };
}
