/** @file Which engines run here, and one way to run a tensor function on any of them. */
import * as tf from '@tensorflow/tfjs-core';
import { MoonletError, suggestion, UsageError } from '../errors.ts';
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
import { loadTfjsNode } from './tfjs-node.ts';
import { loadWasm } from './wasm.ts';

/**
 * `onnxruntime` traces a function once and runs it natively. The others run it eagerly, op by op: `wasm` and `cpu`
 * from npm alone, `tfjs-node` where that package is installed.
 */
export const engineNames = ['onnxruntime', 'tfjs-node', 'wasm', 'cpu'] as const;
export type EngineName = (typeof engineNames)[number];

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

/** @throws UsageError for a name that is no engine. */
export function engineNamed(name: string): EngineName {
  const found = engineNames.find((n) => n === name);
  if (found) return found;
  throw new UsageError(
    `no engine "${name}".${suggestion(name, engineNames)} Known: ${engineNames.join(', ')}`,
  );
}

/** The option `threads` in words, as a command line has it. @throws UsageError when it is no such number. */
export function threadsOf(text: string | undefined): Pick<EngineOptions, 'threads'> {
  if (text === undefined) return {};
  const threads = Number(text);
  if (Number.isInteger(threads) && threads >= 1 && threads <= 1024) return { threads };
  throw new UsageError(`--threads must be a whole number from 1 to 1024, got "${text}"`);
}

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
