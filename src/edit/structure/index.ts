/**
 * @file The group `structure` of `moonlet`: structural edits by the papers' names; training for them is in
 * `moonlet/learn`.
 */
export {
  withCollaborative,
  withConcatRelu,
  withExpander,
  withShift,
  withStochasticDepth,
} from '../special-layers.ts';
export { type Budget, expand, type ShrinkOptions, scaleThreshold, shrink } from './morphnet.ts';
export { type Level, nestChannels, nestWeights } from './nested.ts';
export {
  type Assignment,
  type Assignments,
  betweenGroupsZero,
  splitLayers,
  unsplittable,
} from './splitnet.ts';
