/** @file The orders in which the channels of a component can go. */
import type { Variable } from '../../graph/index.ts';

/** Classes that go together, and their mean score. */
export interface Move {
  readonly classes: readonly number[];
  readonly score: number;
}

/** Variables that ops tie, and the order in which their channels can go. */
export interface Path {
  readonly variables: readonly Variable[];
  /** Classes that could go if ties allowed it. */
  readonly free: number;
  readonly moves: readonly Move[];
  /** Why there is no move, when there is none. */
  readonly obstacle: Obstacle | undefined;
}

export interface PathOptions {
  /** Whether a class may go. */
  readonly free: (id: number) => boolean;
  /** The largest share of a component that may go. */
  readonly most: number;
  /** Widths end as multiples of it; 1 leaves them alone. */
  readonly roundTo: number;
}

/**
 * What stands in the way of a component: every layer has one channel, which must stay; `most` is less than a channel; what
 * ops tie cannot go in equal numbers; no width becomes a multiple of `roundTo`.
 */
export type Obstacle = 'single' | 'most' | 'ties' | 'rounding';
