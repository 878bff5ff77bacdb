/**
 * @file The public names of the module `read`: costs, text diagrams, source, which need no tensors. Those that load a
 * library of their own have their own files: `svg.ts` (layout), `onnx.ts` (protobufs), `tfjs/` (tensors).
 */
export { type ClassEnd, checkClasses, checkLogits, classEnd, logitsAt } from './class-logits.ts';
export { type CountTool, countTools } from './conventions.ts';
export { type Cost, cost, type LayerCost } from './cost.ts';
export { type CountedLayer, countAs, countToolNamed, type ToolCount } from './count-as.ts';
export {
  type Flash,
  type McuLayer,
  type McuOptions,
  type McuPatches,
  type McuReport,
  type McuSchedule,
  mcuReport,
  type Sram,
} from './mcu/index.ts';
export { columns, mermaid, table } from './show.ts';
export { type SourceOptions, toSource } from './source.ts';
