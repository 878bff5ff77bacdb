/** @file Pruning's public face. */
export { type Evidence, type Importance, importances, type Scores, scores } from './importance.ts';
export { masked } from './masked.ts';
export {
  type Pruned,
  type PruneOptions,
  type PruneTarget,
  type Pruning,
  planPruning,
  pruneChannels,
} from './prune-channels.ts';
