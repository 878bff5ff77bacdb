/** @file Writes and reads ONNX protobufs. A leaf: it knows nothing of networks or tensors. */

export { type DecodeOptions, decodeModel } from './decode.ts';
export { encodeModel } from './encode.ts';
export { halved } from './half.ts';
export type {
  OnnxAttribute,
  OnnxData,
  OnnxDtype,
  OnnxModel,
  OnnxNode,
  OnnxTensor,
  OnnxValue,
} from './model.ts';
export { float, floats, int, ints, string } from './model.ts';
export {
  type ConvChannels,
  paddedForm,
  repeatedFilters,
  summands,
  toTheEnd,
  withSafeConvs,
} from './safe-convs.ts';
export type { ExternalFile } from './tensor-data.ts';
