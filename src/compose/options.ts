/** @file `options` of `moonlet`: what an architecture of one's own declares, and blocks as words. */
export { choice, common, flag, type Option, type Paper, parseOptions, real, whole } from './architecture.ts';
export { type BlockSpec, parseBlock, printBlock } from './block-strings.ts';
export { blocksOf, type SpecContext, stagesOf } from './block-tables.ts';
export { chain, type Rank, skip } from './flow.ts';
