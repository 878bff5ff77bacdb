/**
 * `moonlet`: graphs, the builder, costs and edits. None of it needs a tensor library or Node.
 *
 * What one looks for by name stands at the top. The rest is in groups: `blocks` and `special` (parts of networks), `options`
 * (for architectures of one's own), `structure` (edits whose training is in `moonlet/learn`), `graphs` (walking, rewriting and
 * reading graphs) and `types` (of options and results).
 *
 * @module moonlet
 */
export * as blocks from './compose/blocks.ts';
export { type Architecture, architecture, type Block, Flow, graph, input, repeat } from './compose/index.ts';
export * as options from './compose/public.ts';
export * as special from './compose/special.ts';
export {
  addUnits,
  channelSensitivity,
  cheapen,
  circulate,
  connect,
  copyChannels,
  correctBias,
  deepen,
  enlarge,
  ensemble,
  equalize,
  factorize,
  foldBottlenecks,
  foldBranches,
  foldNorms,
  type GrowPlan,
  grow,
  growTo,
  hashWeights,
  mergeCopies,
  narrow,
  permuteChannels,
  plan,
  planPruning,
  pruneChannels,
  pruneToLatency,
  pruneWeights,
  quantize,
  ratiosWithin,
  shareWeights,
  sparsityOf,
  verifyCertificate,
  weightSensitivity,
  widen,
  withHead,
  withInput,
} from './edit/index.ts';
export * as structure from './edit/structure/index.ts';
export { MoonletError, Refusal, UsageError } from './errors.ts';
export {
  check,
  type Graph,
  type Node,
  type Op,
  print,
  rename,
  type Shape,
  shapes,
  toJson,
} from './graph/index.ts';
export { fromJson } from './graph/json.ts';
export * as graphs from './graph/public.ts';
export { type Cost, cost, countAs, mcuReport, mermaid, table, toSource } from './read/index.ts';
export type * as types from './types.ts';
export { bytesOf, init, type Net, net, pack, unpack, type Weight, type Weights } from './weights/index.ts';
