/**
 * `moonlet/import`: weights of other libraries, read from their files and matched by name.
 *
 * @module moonlet/import
 */
export {
  type Acceptable,
  acceptable,
  type ForeignTensor,
  type Format,
  formats,
  type HeldNet,
  type ReadOptions,
  type WeightFile,
} from './file.ts';
export { type Imported, type ImportOptions, type ImportReport, importWeights } from './import.ts';
export { type Source, sources, sourcesOf } from './names/index.ts';
export {
  type FromOnnxOptions,
  fromOnnx,
  type OnnxEnd,
  type OnnxNet,
  type OnnxReport,
} from './onnx/index.ts';
export { readWeightFile } from './open.ts';
export {
  type Preprocessing,
  preprocessingOf,
  type Settled,
  usualPreprocessing,
} from './preprocessing.ts';
export { readTimmConfig, type TimmConfig, type TimmFields } from './timm-config.ts';
export { type TimmModel, timmModelOf, timmModels } from './timm-names.ts';
export { wrong } from './wrong.ts';
