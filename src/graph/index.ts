/** @file The public names of the module `graph`, without `json.ts`, which loads zod. */
export { type AttentionSizes, attentionSizes, productsOf, relativePlaces } from './attention.ts';
export {
  type Balance,
  type ChannelOptions,
  type Channels,
  channels,
  shuffled,
} from './channels.ts';
export { check } from './check.ts';
export { classesOf, inputShape, onlyOutput } from './ends.ts';
export { ancestors, consumers, dropUnused, fold, nodesById, rename } from './graph.ts';
export { firstInput, firstInputShape, inputChannels, inputShapes, valuesOfInputs } from './inputs.ts';
export { firstIssue, type Issue, issueText, unknownKey } from './issue.ts';
export {
  type Activation,
  type Attention,
  activations,
  type Conv,
  type ConvTranspose,
  channelsOf,
  codeRange,
  type FeatureMap,
  type Graph,
  type GroupNorm,
  groupsOf,
  type IntegerForm,
  integerForms,
  isDepthwise,
  isLinear,
  isMap,
  isStatistic,
  type Kind,
  kernelPlaces,
  type LayerNorm,
  type Linear,
  mixesChannels,
  type Node,
  type Norm,
  type Op,
  type OpOf,
  type Pad,
  type Padding,
  type Pair,
  type Pool,
  type Positions,
  type Quantize,
  type Resize,
  type Shape,
  type Slot,
  shapeFrom,
  shiftTap,
  sizeOf,
  slots,
  weightShapes,
} from './op.ts';
export { nodesAt, type Part, parts } from './parts.ts';
export { positionFeatures } from './positions.ts';
export { print, printOp } from './print.ts';
export { type Place, type Rule, rewrite } from './rewrite.ts';
export { nodeAt, Selection, select } from './select.ts';
export { keepShapes, shapeOf, shapes } from './shape.ts';
export { printShape, ShapeError } from './shape-check.ts';
export { type Stage, stageOf, stagePaths, stages } from './stages.ts';
export { toJson } from './to-json.ts';
export type { Variable } from './variables.ts';
export { type Pads, slide, slideBack } from './window.ts';
