/** @file `moonlet`: graphs, the builder, costs and edits. No tensor library is needed for any of it. */
export * as blocks from './build/blocks.ts';
export {
  type Architecture,
  architecture,
  type Block,
  chain,
  choice,
  common,
  Flow,
  graph,
  input,
  type Option,
  type Paper,
  parseOptions,
  type Rank,
  real,
  repeat,
  skip,
  whole,
} from './build/index.ts';
export { cheapen } from './edit/cheapen.ts';
export { MoonletError, Refusal, UsageError } from './errors.ts';
export {
  type Activation,
  check,
  fold,
  fromJson,
  type Graph,
  type Kind,
  type Node,
  nodeAt,
  type Op,
  type OpOf,
  type Padding,
  print,
  printOp,
  type Rule,
  rename,
  rewrite,
  Selection,
  type Shape,
  ShapeError,
  type Slot,
  select,
  shapeOf,
  shapes,
  toJson,
} from './graph/index.ts';
export { type Cost, cost, type LayerCost } from './read/cost.ts';
export { mermaid, table } from './read/show.ts';
export {
  bytesOf,
  type InitOptions,
  init,
  type Net,
  net,
  pack,
  readSafetensors,
  unpack,
  type Weight,
  type Weights,
  writeSafetensors,
} from './weights/index.ts';
