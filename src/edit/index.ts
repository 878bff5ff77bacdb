/** @file The public names of the module `edit`. */

export { type Findings, verifyCertificate } from './certificate/certificate.ts';
export { copyChannels, type WidenOptions } from './channels/copy-channels.ts';
export type { Follows, Growth, Preserves } from './channels/growth.ts';
export { type Merged, mergeCopies } from './channels/merge.ts';
export { narrow } from './channels/narrow.ts';
export { type PermuteOptions, permuteChannels } from './channels/permute.ts';
export { parseWidth, type Width } from './channels/width.ts';
export { cheapen } from './cheapen.ts';
export { ensemble, isEnsemble } from './ensemble.ts';
export * from './factorize/index.ts';
export { foldBottlenecks } from './fold/bottlenecks.ts';
export { foldBranches, foldNorms } from './fold/norms.ts';
export { addUnits, type UnitOptions } from './grow/add-units.ts';
export { type ConnectOptions, connect } from './grow/connect.ts';
export { type DeepenOptions, deepen } from './grow/deepen.ts';
export { enlarge } from './grow/enlarge.ts';
export { growTo } from './grow/grow-to.ts';
export { type GrowPlan, type GrowStep, grow, growSteps, type Planned, parsePlan, plan } from './grow/plan.ts';
export { type Widths, widen } from './grow/widen.ts';
export { type HeadOptions, withHead } from './head.ts';
export { type InputOptions, withInput } from './input.ts';
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
export { type Budget, expand, type ShrinkOptions, scaleThreshold, shrink } from './structure/morphnet.ts';
export { type Level, nestChannels, nestWeights } from './structure/nested.ts';
export {
  type Assignment,
  type Assignments,
  betweenGroupsZero,
  splitLayers,
  unsplittable,
} from './structure/splitnet.ts';
