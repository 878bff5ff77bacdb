/** @file The engines, and one function that prepares a tensor function for any of them. */
import * as tf from '@tensorflow/tfjs-core';
import { MoonletError, UsageError } from '../errors.ts';
import {
  type Arrays,
  type JitOptions,
  type Jitted,
  jit,
  type Specs,
  type Tensors,
  type TracedFunction,
} from '../jit/index.ts';
import type { Runtime } from '../jit/runtime.ts';
import { mendTf } from '../kernels/index.ts';
import { checkEngine, type EngineName } from './names.ts';
import { loadTfjsNode } from './tfjs-node.ts';
import { loadWasm } from './wasm.ts';

export type EagerEngine = Exclude<EngineName, 'onnxruntime'>;

export interface EngineOptions {
  /** By default `onnxruntime`. */
  readonly engine?: EngineName;
  /** Threads of onnxruntime; by default `MOONLET_THREADS`, or one for each core up to 8. */
  readonly threads?: number;
  /** The onnxruntime to run on, such as `onnxruntime-web` in a browser; by default `onnxruntime-node`. */
  readonly runtime?: Runtime;
  /** Whether traced training steps may be kept on disk, in the folder `models` of `MOONLET_CACHE`; default true. */
  readonly modelCache?: boolean;
}
/** A tensor function on an engine: `(state, inputs) -> (state, outputs)` on plain, row-major arrays. */
export type Prepared = Pick<Jitted, 'run' | 'release'>;

/**
 * Prepares a pure tensor function for an engine: traced and compiled on onnxruntime (see `jit`), run op by op on the others. Call
 * `release` when done.
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs-core';
 * import { prepare } from 'moonlet/engine';
 *
 * const running = await prepare(
 *   ({ mean }, { x }) => ({ state: { mean: tf.add(tf.mul(mean, 0.9), tf.mul(x, 0.1)) }, outputs: { total: tf.sum(x) } }),
 *   { state: { mean: { shape: [2] } }, inputs: { x: { shape: [2] } } },
 * );
 * const { outputs } = await running.run({ mean: new Float32Array(2) }, { x: Float32Array.of(1, 2) });
 * console.log(outputs['total']?.[0]); // 3
 * await running.release();
 * ```
 *
 * @throws MoonletError when the function cannot be traced, or the engine is not installed.
 */
export async function prepare(
  fn: TracedFunction,
  specs: { readonly state: Specs; readonly inputs: Specs },
  { engine = 'onnxruntime', ...options }: EngineOptions & Pick<JitOptions, 'key'> = {},
): Promise<Prepared> {
  checkEngine({ ...options, engine });
  if (engine === 'onnxruntime') return jit(fn, specs, options);
  await useBackend(engine);
  return { run: (state, inputs) => runEagerly(fn, specs, state, inputs, engine), release: async () => {} };
}

async function runEagerly(
  fn: TracedFunction,
  specs: { readonly state: Specs; readonly inputs: Specs },
  state: Arrays,
  inputs: Arrays,
  engine: EagerEngine,
): Promise<{ state: Arrays; outputs: Arrays }> {
  await useBackend(engine);
  const result = tf.tidy(() => {
    const done = fn(tensors(specs.state, state), tensors(specs.inputs, inputs));
    return { state: { ...done.state }, outputs: { ...done.outputs } };
  });
  const read = (all: Tensors): Arrays =>
    Object.fromEntries(Object.entries(all).map(([key, t]) => [key, numbersOf(key, t)]));
  const arrays = { state: read(result.state), outputs: read(result.outputs) };
  tf.dispose([result.state, result.outputs]);
  return arrays;
}

function numbersOf(key: string, tensor: tf.Tensor): Float32Array | Int32Array {
  const data: unknown = tensor.dataSync();
  if (data instanceof Float32Array || data instanceof Int32Array) return data;
  if (data instanceof Uint8Array) return Int32Array.from(data); // bools, which a trace gives as int32 as well
  throw new MoonletError(`the result "${key}" is ${tensor.dtype}; cast it to float32 or int32`);
}

const tensors = (specs: Specs, arrays: Arrays): Tensors =>
  Object.fromEntries(
    Object.entries(specs).map(([key, { shape, dtype = 'float32' }]) => {
      const data = arrays[key];
      if (!data)
        throw new MoonletError(`the input "${key}" is missing; give an array for every name of the specs`);
      return [key, tf.tensor(data, [...shape], dtype)];
    }),
  );

/** tf's name of each eager engine's backend. */
const backendOf = { 'tfjs-node': 'tensorflow', wasm: 'wasm', cpu: 'cpu' } as const;

/**
 * Loads the backend of an eager engine and makes it tf's current one.
 * @throws MoonletError when it is not installed; UsageError for another engine.
 */
export async function useBackend(engine: EagerEngine): Promise<void> {
  checkEngine({ engine });
  const backend = Object.hasOwn(backendOf, engine) ? backendOf[engine] : undefined;
  if (!backend)
    throw new UsageError(
      `useBackend: ${engine} is no backend of tf; known: ${Object.keys(backendOf).join(', ')}`,
    );
  if (engine === 'wasm') await loadWasm(); // the application may have loaded it without the corrections
  if (tf.getBackend() !== backend) {
    if (!tf.findBackendFactory(backend)) await load(engine);
    if (!(await tf.setBackend(backend))) throw new MoonletError(`the engine ${engine} did not start`);
  }
  mendTf();
}

async function load(engine: EagerEngine): Promise<void> {
  if (engine === 'cpu') {
    await import('@tensorflow/tfjs-backend-cpu');
    await tf.setBackend('cpu');
    // the first tensor on this backend prints an advertisement, except in tests
    const was = tf.env().getBool('IS_TEST');
    tf.env().set('IS_TEST', true);
    tf.scalar(0).dispose();
    tf.env().set('IS_TEST', was);
  }
  if (engine === 'tfjs-node') {
    await load('cpu'); // tfjs-node imports that backend, whose first tensor prints the advertisement
    await loadTfjsNode();
  }
}
