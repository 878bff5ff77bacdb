/**
 * `moonlet/engine`: the engines, compiled inference, and latency.
 *
 * @module moonlet/engine
 */
export { type Batch, type Compiled, type CompileOptions, compile } from './compile.ts';
export { inferenceEngine } from './default-engine.ts';
export {
  type EngineOptions,
  type Prepared,
  prepare,
  useBackend,
} from './engine.ts';
export { type LatencyOptions, latency } from './latency.ts';
export { type EngineName, engineNamed, engineNames, threadsOf } from './names.ts';
export { type Multiplier, multiplier } from './products.ts';
export { runModel } from './run-model.ts';
export { type GpuOptions, gpuRuntime, type Provided } from './web-gpu.ts';
