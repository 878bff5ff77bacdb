/** @file Which engines run here, and one way to run a tensor function on any of them. */
import * as tf from '@tensorflow/tfjs-core';
import { MoonletError } from '../errors.ts';
import {
  type Arrays,
  type Jitted,
  jit,
  type Specs,
  type Tensors,
  type TracedFunction,
} from '../jit/index.ts';
import type { Runtime } from '../jit/runtime.ts';
import { mendTf } from '../kernels/index.ts';
import type { EngineName } from './names.ts';
import { loadTfjsNode } from './tfjs-node.ts';
import { loadWasm } from './wasm.ts';

export type EagerEngine = Exclude<EngineName, 'onnxruntime'>;

export interface EngineOptions {
  /** `onnxruntime` unless told. */
  readonly engine?: EngineName;
  /** Threads of onnxruntime; one for each core, or what `MOONLET_THREADS` says, unless told. */
  readonly threads?: number;
  /** The onnxruntime to run on, such as `onnxruntime-web` in a browser; `onnxruntime-node` unless told. */
  readonly runtime?: Runtime;
}
/** A tensor function made ready: `(state, inputs) -> (state, outputs)` on plain arrays. */
export type Prepared = Pick<Jitted, 'run' | 'release'>;

/** Make a function ready on an engine. Release it when done. */
export async function prepare(
  fn: TracedFunction,
  specs: { readonly state: Specs; readonly inputs: Specs },
  { engine = 'onnxruntime', ...options }: EngineOptions = {},
): Promise<Prepared> {
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
    Object.fromEntries(
      Object.entries(all).map(([key, t]) => [key, t.dataSync() as Float32Array | Int32Array]),
    );
  const arrays = { state: read(result.state), outputs: read(result.outputs) };
  tf.dispose([result.state, result.outputs]);
  return arrays;
}

const tensors = (specs: Specs, arrays: Arrays): Tensors =>
  Object.fromEntries(
    Object.entries(specs).map(([key, { shape, dtype = 'float32' }]) => {
      const data = arrays[key];
      if (!data) throw new MoonletError(`the input "${key}" is missing`);
      return [key, tf.tensor(data, [...shape], dtype)];
    }),
  );

/** tf's name of each eager engine's backend. */
const backendOf = { 'tfjs-node': 'tensorflow', wasm: 'wasm', cpu: 'cpu' } as const;

/** Load an eager engine's backend and make it tf's current one. @throws MoonletError when it is not installed. */
export async function useBackend(engine: EagerEngine): Promise<void> {
  const backend = backendOf[engine];
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
    // its first tensor prints an advertisement, but not to tests
    const was = tf.env().getBool('IS_TEST');
    tf.env().set('IS_TEST', true);
    tf.scalar(0).dispose();
    tf.env().set('IS_TEST', was);
  }
  if (engine === 'wasm') await loadWasm();
  if (engine === 'tfjs-node') {
    await load('cpu'); // it brings that backend along, with the advertisement
    await loadTfjsNode();
  }
}
