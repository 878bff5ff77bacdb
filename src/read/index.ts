/**
 * @file Readings of a graph without tensors: costs, pictures in text, source. Those that load a library of their own have their
 * own files: `svg.ts` (layout), `onnx.ts` (protobufs), `tfjs/` (tensors).
 */
export { type ClassEnd, checkClasses, checkLogits, classEnd, logitsAt } from './class-logits.ts';
export { type Cost, cost, type LayerCost } from './cost.ts';
export { columns, mermaid, table } from './show.ts';
export { type SourceOptions, toSource } from './source.ts';
