/** @file The order in which the channels of one component are removed. */
import type { Variable } from '../../graph/index.ts';

/** Classes of channels that are removed together, and their mean score. */
export interface Move {
  readonly classes: readonly number[];
  readonly score: number;
}

/** A component (variables whose widths depend on each other) and the order in which its channels are removed. */
export interface Path {
  readonly variables: readonly Variable[];
  /** The number of classes that the options and the graph allow to remove. */
  readonly free: number;
  /** The least important first. */
  readonly moves: readonly Move[];
  /** Why there is no move; undefined when there is one. */
  readonly obstacle: Obstacle | undefined;
}

export interface PathOptions {
  /** Whether a class may be removed. */
  readonly free: (id: number) => boolean;
  /** The largest share of a component that may be removed. */
  readonly most: number;
  /** Widths become multiples of it; 1 allows any width. */
  readonly roundTo: number;
}

/**
 * Why no channel of a component can be removed:
 * - `single`: every layer has one channel, and a layer keeps at least one;
 * - `most`: the smallest set of channels that can be removed together is a larger share than `most`;
 * - `ties`: no set of channels leaves the tied groups balanced;
 * - `rounding`: no width can become a multiple of `roundTo`.
 */
export type Obstacle = 'single' | 'most' | 'ties' | 'rounding';
