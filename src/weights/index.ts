/** @file The public names of the module `weights`. */
export { packBits, packedLength, unpackBits } from './bits.ts';
export { packCompact, unpackCompact } from './compact.ts';
export { deferred } from './deferred.ts';
export {
  binary,
  circulant,
  codebook,
  dense,
  fitsHalf,
  fullStep,
  half,
  hashed,
  largestByChannel,
  levelsOf,
  nearest,
  quantized,
  roundedCodes,
  roundHalfEven,
  sparse,
  ternary,
  ternaryBy,
  withCodes,
} from './encode.ts';
export {
  arraysOf,
  type BinaryWeight,
  bytesOfWeight,
  type CirculantWeight,
  type CodebookWeight,
  circulantIndex,
  codeWidth,
  type Encoding,
  encodings,
  type FloatWeight,
  faultOf,
  type HalfWeight,
  type HashedWeight,
  hashOf,
  materialize,
  type PlacedWeight,
  placesOf,
  type QuantizedWeight,
  type SparseWeight,
  type TernaryWeight,
  type Weight,
} from './encodings.ts';
export { codeLengths, huffmanDecode, huffmanEncode } from './huffman.ts';
export { type InitOptions, init, type Scheme } from './init.ts';
export { Budget, mostBytes, mostHeader, type UnpackOptions } from './limits.ts';
export { codesOf, excess, largestPair, pairStride, pairsFit, shrinkPairs } from './pairs.ts';
export {
  looksLikeSafetensors,
  type RawTensor,
  readSafetensors,
  type SafetensorsFile,
  type SafetensorsOptions,
  type StoredTensor,
  safetensorsIn,
  type TensorDtype,
  writeRawSafetensors,
  writeSafetensors,
} from './safetensors.ts';
export { pack, packWeights, type StoredNet, unpack } from './store.ts';
export {
  bytesOf,
  type Entry,
  entries,
  float,
  type Net,
  net,
  splitKey,
  type WeightKey,
  type Weights,
} from './weights.ts';
