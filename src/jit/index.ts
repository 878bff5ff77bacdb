/**
 * Any pure tf function, its gradients included, as one ONNX model that onnxruntime runs at native
 * speed.
 *
 * Knows nothing of networks.
 *
 * @module moonlet/jit
 */

export type { Runtime } from './runtime.ts';
export { jit } from './session.ts';
export { trace } from './trace.ts';
export type {
  Arrays,
  Dtype,
  JitOptions,
  Jitted,
  Spec,
  Specs,
  Tensors,
  TracedFunction,
  TracedModel,
  TraceOptions,
} from './types.ts';
