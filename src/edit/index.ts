/** @file The edit room's public face. */

export { type Findings, verifyCertificate } from './certificate.ts';
export { cheapen } from './cheapen.ts';
export { type ConnectOptions, connect } from './connect.ts';

export { type DeepenOptions, deepen } from './deepen.ts';
export { enlarge } from './enlarge.ts';
export { ensemble } from './ensemble.ts';
export * from './factorize/index.ts';
export { foldBranches, foldNorms } from './fold.ts';
export { foldBottlenecks } from './fold-dense.ts';
export { type GrowPlan, type GrowStep, grow, growSteps, type Planned, parsePlan, plan } from './grow.ts';
export type { Follows, Growth, Preserves } from './growth.ts';
export { type Merged, mergeCopies } from './merge.ts';
export { type Budget, expand, type ShrinkOptions, scaleThreshold, shrink } from './morphnet.ts';
export { narrow } from './narrow.ts';
export { type Level, nestChannels, nestWeights } from './nested.ts';
export { type PermuteOptions, permuteChannels } from './permute.ts';
export * from './prune/index.ts';
export * from './quantize/index.ts';
export * from './share/index.ts';
export {
  withCollaborative,
  withConcatRelu,
  withExpander,
  withShift,
  withStochasticDepth,
} from './special-layers.ts';
export {
  type Assignment,
  type Assignments,
  betweenGroupsZero,
  splitLayers,
  unsplittable,
} from './splitnet.ts';
export { addUnits, type UnitOptions } from './units.ts';
export { copyChannels, type WidenOptions, type Widths, widen } from './widen.ts';
export { parseWidth, type Width } from './width.ts';
