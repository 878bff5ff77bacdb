/**
 * @file The group `graphs` of `moonlet`: traversing, selecting, rewriting and reading graphs, for custom edits and
 * readings.
 */
export { channels } from './channels.ts';
export { classesOf, inputShape, onlyOutput } from './ends.ts';
export { ancestors, consumers, dropUnused, fold, nodesById } from './graph.ts';
export { nodesAt, type Part, parts } from './parts.ts';
export { printOp } from './print.ts';
export { rewrite } from './rewrite.ts';
export { nodeAt, Selection, select } from './select.ts';
export { shapeOf } from './shape.ts';
export { ShapeError } from './shape-check.ts';
export { stagePaths, stages } from './stages.ts';
