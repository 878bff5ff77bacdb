/**
 * `moonlet/export`: nets as the files that other programs load: ONNX, tf.layers, safetensors, TypeScript source.
 *
 * @module moonlet/export
 */

export { type SourceOptions, toSource } from '../read/index.ts';
export { type OnnxFileOptions, toOnnx } from './onnx.ts';
export { toSafetensors } from './safetensors.ts';
export { type TfjsFiles, toTfjs } from './tfjs.ts';
