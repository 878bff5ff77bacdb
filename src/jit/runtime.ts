/** @file Loads onnxruntime when it is first needed, sets its options, and detects the block size of this machine. */

import type { InferenceSession, Tensor } from 'onnxruntime-common';
import { MoonletError, UsageError } from '../errors.ts';
import { encodeModel, ints, type OnnxModel } from '../onnx/index.ts';

/** The part of onnxruntime that we call: of `onnxruntime-node`, or in browsers of `onnxruntime-web`. */
export type Runtime = Pick<typeof import('onnxruntime-common'), 'InferenceSession' | 'Tensor'> &
  Partial<Pick<typeof import('onnxruntime-common'), 'env'>>;

/**
 * In a browser, one thread for each core, up to 8, where the page is cross-origin isolated, without which there is one. A number that the
 * program has set in `env.wasm.numThreads` stays.
 */
function withThreads(runtime: Runtime): Runtime {
  const wasm = runtime.env?.wasm;
  if (wasm && wasm.numThreads === undefined && globalThis.crossOriginIsolated)
    wasm.numThreads = defaultThreads();
  return runtime;
}

/** @throws MoonletError with the line that installs onnxruntime, when it is not there. */
export async function loadRuntime(
  load: () => Promise<unknown> = () => import('#onnxruntime'),
): Promise<Runtime> {
  try {
    const loaded = (await load()) as Runtime & { default?: Runtime };
    return withThreads(loaded.default ?? loaded);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
    const isMissing = reason?.startsWith("Cannot find package 'onnxruntime-node'");
    throw new MoonletError(
      `onnxruntime-node ${isMissing ? 'is not installed' : `cannot be loaded (${reason})`}; run: ` +
        'npm install --onnxruntime-node-install=skip onnxruntime-node@1.30.0',
    );
  }
}

/** More threads are not known to help nets as small as ours. */
const mostThreads = 8;

/** The threads of `MOONLET_THREADS`; without it one for each core, up to 8. */
export function defaultThreads(): number {
  const requested = globalThis.process?.env?.['MOONLET_THREADS'];
  if (requested !== undefined && requested !== '') {
    const threads = Number(requested);
    if (Number.isInteger(threads) && threads > 0) return threads;
    throw new UsageError(`MOONLET_THREADS must be a whole number from 1 up, got "${requested}"`);
  }
  const cores =
    globalThis.process?.getBuiltinModule?.('node:os').availableParallelism() ??
    globalThis.navigator?.hardwareConcurrency ??
    1;
  return Math.min(cores, mostThreads);
}

/**
 * The options of every session. onnxruntime's memory arena, which is on by default, halves the time of a step. Ops run in sequence. A thread without work spins for 100 microseconds: long enough to catch the op that follows one on a single thread, and
 * short enough to cost little where other programs want the core.
 */
export function sessionOptions(threads = defaultThreads()): InferenceSession.SessionOptions {
  return {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
    extra: { session: { intra_op: { spin_duration_us: '100' } } },
  };
}

/** A question to a runtime, whose answer is kept. */
function kept<T>(ask: (ort: Runtime) => Promise<T>): (ort: Runtime) => Promise<T> {
  const answers = new WeakMap<object, Promise<T>>();
  return (ort) => {
    const answer = answers.get(ort.InferenceSession) ?? ask(ort);
    answers.set(ort.InferenceSession, answer);
    return answer;
  };
}

/** Channels per block of a runtime's blocked convs on this machine; undefined where there are none. */
export const blockOf: (ort: Runtime) => Promise<number | undefined> = kept(probe);

/** Whether a runtime's MaxPool gives indices, which that of onnxruntime-web's WebGPU does not. */
export const givesPoolIndices: (ort: Runtime) => Promise<boolean> = kept(async (ort) => {
  const attributes = { kernel_shape: ints([2, 2]) };
  const places = await ran(ort, {
    nodes: [{ opType: 'MaxPool', inputs: ['x'], outputs: ['values', 'y'], attributes }],
    inputs: [{ name: 'x', dtype: 'float32', shape: [1, 1, 2, 2] }],
    outputs: [{ name: 'y', dtype: 'int64', shape: [1, 1, 1, 1] }],
  });
  return places?.data[0] === 0n;
});

/** Reorders an image of four channels, the fewest possible: the block is the number of channels that come out. */
async function probe(ort: Runtime): Promise<number | undefined> {
  const domain = 'com.microsoft.nchwc';
  const y = await ran(ort, {
    nodes: [{ opType: 'ReorderInput', domain, inputs: ['x'], outputs: ['y'] }],
    inputs: [{ name: 'x', dtype: 'float32', shape: [1, 4, 1, 1] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: [1, 'block', 1, 1] }],
    domains: { [domain]: 1 },
  });
  return y?.dims[1] === 8 || y?.dims[1] === 16 ? y.dims[1] : undefined;
}

/** What a model makes of zeros; undefined where this build or machine cannot run it. */
async function ran(
  ort: Runtime,
  model: Omit<OnnxModel, 'name' | 'initializers'>,
): Promise<Tensor | undefined> {
  try {
    const whole = encodeModel({ name: 'probe', initializers: [], ...model });
    const session = await ort.InferenceSession.create(whole, sessionOptions(1));
    const shape = (model.inputs[0]?.shape ?? []).map(Number);
    const { y } = await session.run({
      x: new ort.Tensor('float32', new Float32Array(shape.reduce((size, dim) => size * dim, 1)), shape),
    });
    await session.release();
    return y;
  } catch {
    return undefined;
  }
}
