/** @file The weights room's public face. */
export { type InitOptions, init, type Scheme } from './init.ts';
export {
  readSafetensors,
  type SafetensorsFile,
  type StoredTensor,
  type TensorDtype,
  writeSafetensors,
} from './safetensors.ts';
export { pack, packWeights, type StoredNet, unpack } from './store.ts';
export {
  bytesOf,
  type Entry,
  entries,
  type FloatWeight,
  float,
  materialize,
  type Net,
  net,
  splitKey,
  type Weight,
  type WeightKey,
  type Weights,
} from './weights.ts';
