/** @file The public names of pruning. */
export {
  classScales,
  type Evidence,
  type Importance,
  importances,
  type Scores,
  scores,
} from './importance.ts';
export { type Fit, leastSquares, leastSquaresSteps, type Rows } from './least-squares.ts';
export { masked } from './masked.ts';
export { type Pruned, type Pruning, planPruning } from './plan-pruning.ts';
export { multiply, type Product } from './products.ts';
export { pruneChannels, pruneToLatency } from './prune-channels.ts';
export { blockWidth, type PruneOptions, type PruneTarget, pruneChecks } from './prune-options.ts';
export {
  kernelsNamed,
  pruneWeights,
  sparsityOf,
  type WeightPruneOptions,
  weightChecks,
  zeroSmallest,
} from './prune-weights.ts';
export {
  channelSensitivity,
  type Measure,
  ratiosWithin,
  type Sensitivity,
  type SensitivityOptions,
  weightSensitivity,
} from './sensitivity.ts';
