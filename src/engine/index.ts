/**
 * `moonlet/engine`: the engines, compiled inference, and latency.
 *
 * @module moonlet/engine
 */
export { type Batch, type Compiled, type CompileOptions, compile } from './compile.ts';
export {
  type EngineName,
  type EngineOptions,
  engineNamed,
  engineNames,
  type Prepared,
  prepare,
  threadsOf,
  useBackend,
} from './engine.ts';
export { type LatencyOptions, latency } from './latency.ts';
export { type Multiplier, multiplier } from './products.ts';
export { runModel } from './run-model.ts';
