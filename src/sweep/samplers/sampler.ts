/** @file What a sampler is: a function of a seed, a number and earlier results, so that the same seed gives the same trials. */
import type { Space, Values } from '../space.ts';

/** A trial whose result is known. */
export interface Observed {
  /** The number of the trial. */
  readonly trial: number;
  readonly values: Values;
  /** Objectives, each the larger the better; -Infinity where the trial failed. */
  readonly scores: readonly number[];
}
export interface Draft {
  readonly values: Values;
  /** The trial of which it is a mutation. */
  readonly parent?: number;
}
export interface Sampler {
  /** Whether it looks at earlier results. */
  readonly learns: boolean;
  /**
   * The values of a trial; undefined when there are no more.
   * @param attempt counts the drafts of this trial that were refused.
   * @param observed trials in the order of their numbers.
   */
  draft(trial: number, attempt: number, observed: readonly Observed[]): Draft | undefined;
  /** Told of each trial that an earlier process chose, in order. */
  passOver?(values: Values): void;
}
export type Dimensions = Space['space'];
