/**
 * @file The group `types` of `moonlet`: types of the arguments and results of its functions, such as
 * `types.WidenOptions`.
 */
export type { BlockSpec, Option, Paper, Rank, SpecContext } from './compose/index.ts';
export type {
  ConnectOptions,
  DeepenOptions,
  Factorized,
  FactorizeOptions,
  Findings,
  Follows,
  GrowStep,
  Growth,
  HeadOptions,
  Importance,
  InputOptions,
  Merged,
  PermuteOptions,
  Planned,
  Pruned,
  PruneOptions,
  PruneTarget,
  Pruning,
  QuantizeOptions,
  Range,
  RankChoice,
  UnitOptions,
  WidenOptions,
  Widths,
} from './edit/index.ts';
export type { Activation, Channels, Kind, OpOf, Padding, Rule, Slot } from './graph/index.ts';
export type {
  CountedLayer,
  CountTool,
  Flash,
  LayerCost,
  McuLayer,
  McuOptions,
  McuPatches,
  McuReport,
  McuSchedule,
  SourceOptions,
  Sram,
  ToolCount,
} from './read/index.ts';
export type { InitOptions, UnpackOptions, WeightKey } from './weights/index.ts';
