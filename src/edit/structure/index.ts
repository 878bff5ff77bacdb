/** @file `structure` of `moonlet`: edits of a net's structure by the papers' names; those that learn have training in `moonlet/learn`. */
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
