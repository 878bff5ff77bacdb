/**
 * `moonlet/export`: nets as the files that other programs load: ONNX, tf.layers, safetensors, TypeScript source.
 *
 * @module moonlet/export
 */

export { type SourceOptions, toSource } from '../read/index.ts';
export { type TensorNames, tensorNames } from '../read/tensor-names.ts';
export { type ExportCard, type ExportPreprocessing, readExportCard } from './card.ts';
export { type OnnxFileOptions, toOnnx } from './onnx.ts';
export { type MoonletFiles, type SafetensorsOptions, toSafetensors } from './safetensors.ts';
export { type TfjsFiles, type TfjsOptions, toTfjs } from './tfjs.ts';
export type { TimmFiles } from './timm.ts';
export { type TransformersFiles, type TransformersOptions, toTransformers } from './transformers.ts';
