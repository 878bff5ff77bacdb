/**
 * @file Random search. Bergstra and Bengio 2012, JMLR 13, "Random search for hyper-parameter optimization".
 */
import { random } from '../../random.ts';
import { uniform } from '../dimension.ts';
import type { Dimensions, Sampler } from './sampler.ts';

/** Every candidate is drawn by itself. */
export const randomSearch = (dimensions: Dimensions, seed: number): Sampler => ({
  learns: false,
  draft: (trial, attempt) => ({ values: uniform(dimensions, random('sweep', seed, trial, attempt)) }),
});
