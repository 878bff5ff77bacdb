/** @file The group `options` of `moonlet`: declarations for custom architectures, and blocks given as strings. */
export { type Paper, parseOptions } from './architecture.ts';
export { type BlockSpec, parseBlock, printBlock } from './block-strings.ts';
export { blocksOf, type SpecContext, scaleDepth, stagesOf } from './block-tables.ts';
export { chain, image, type Rank, skip } from './flow.ts';
export { choice, common, flag, type Option, real, type Sides, sidesOf, whole } from './options.ts';
