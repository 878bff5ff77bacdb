/** @file Loads onnxruntime when it is first needed, sets its options, and detects the block size of this machine. */

import type { InferenceSession } from 'onnxruntime-common';
import { MoonletError, UsageError } from '../errors.ts';
import { encodeModel } from '../onnx/index.ts';

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

const blocks = new WeakMap<object, Promise<number | undefined>>();

/** Channels per block of a runtime's blocked convs on this machine; undefined where there are none. */
export function blockOf(ort: Runtime): Promise<number | undefined> {
  const block = blocks.get(ort.InferenceSession) ?? probe(ort);
  blocks.set(ort.InferenceSession, block);
  return block;
}

/** Reorders an image of four channels, the fewest possible: the block is the number of channels that come out. */
async function probe(ort: Runtime): Promise<number | undefined> {
  const domain = 'com.microsoft.nchwc';
  const model = encodeModel({
    name: 'probe',
    nodes: [{ opType: 'ReorderInput', domain, inputs: ['x'], outputs: ['y'] }],
    initializers: [],
    inputs: [{ name: 'x', dtype: 'float32', shape: [1, 4, 1, 1] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: [1, 'block', 1, 1] }],
    domains: { [domain]: 1 },
  });
  try {
    const session = await ort.InferenceSession.create(model, sessionOptions(1));
    const { y } = await session.run({ x: new ort.Tensor('float32', new Float32Array(4), [1, 4, 1, 1]) });
    await session.release();
    return y?.dims[1] === 8 || y?.dims[1] === 16 ? y.dims[1] : undefined;
  } catch {
    return undefined; // this build or machine has no blocks, so that plain convs are used
  }
}
