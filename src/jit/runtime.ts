/** @file Loads onnxruntime when it is first needed, sets its options, and detects the block size of this machine. */

import type { InferenceSession, Tensor } from 'onnxruntime-common';
import { MoonletError, UsageError } from '../errors.ts';
import { encodeModel, int, ints, type OnnxModel } from '../onnx/index.ts';

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

/**
 * Whether a runtime computes some convs wrongly, as onnxruntime-web's WebGPU does: one of 6 channels to 4, a transposed one whose groups
 * make one channel each of two, one whose groups make 6 each, or a 1x1 conv padded behind. What has blocks runs on the processor, and is
 * not asked.
 */
export const needsSafeConvs: (ort: Runtime) => Promise<boolean> = kept(async (ort) => {
  if ((await blockOf(ort)) !== undefined) return false;
  const [channels, filters, height, width] = [6, 4, 2, 3];
  const image = Float32Array.from({ length: channels * height * width }, (_, i) => (i * 7) % 13);
  const kernel = Float32Array.from({ length: filters * channels * 2 }, (_, i) => (i * 5) % 11);
  const ones = (name: string, count: number) =>
    ({ name, dtype: 'float32', shape: [count, 1, 1, 1], data: new Float32Array(count).fill(1) }) as const;
  const more = ones('more', 12);
  const y = await ran(
    ort,
    {
      nodes: [
        { opType: 'Conv', inputs: ['x', 'kernel'], outputs: ['z'] },
        { opType: 'ConvTranspose', inputs: ['z', 'ones'], outputs: ['sums'], attributes: { group: int(2) } },
        { opType: 'Conv', inputs: ['sums', 'more'], outputs: ['all'], attributes: { group: int(2) } },
        { opType: 'Conv', inputs: ['all', 'sum'], outputs: ['y'], attributes: { pads: ints([0, 0, 0, 1]) } },
      ],
      inputs: [{ name: 'x', dtype: 'float32', shape: [1, channels, height, width] }],
      initializers: [
        { name: 'kernel', dtype: 'float32', shape: [filters, channels, 1, 2], data: kernel },
        ones('ones', filters),
        more,
        { ...more, name: 'sum', shape: [1, 12, 1, 1] },
      ],
      outputs: [{ name: 'y', dtype: 'float32', shape: [1, 1, height, width] }],
    },
    image,
  );
  // each of the 4 filters is read by 6 of 12; the last column is of zeros
  const right = Array.from({ length: height * width }, (_, place) => {
    if (place % width === width - 1) return 0;
    const under = kernel.map((weight, i) => {
      const c = Math.floor(i / 2) % channels;
      return weight * (image[c * height * width + place + (i % 2)] ?? 0);
    });
    return 6 * under.reduce((sum, value) => sum + value);
  });
  return y === undefined || right.some((value, i) => !(Math.abs(value - Number(y.data[i])) < 0.5));
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

/** What a model makes of its input, zeros unless told; undefined where this build or machine cannot run it. */
async function ran(
  ort: Runtime,
  model: Omit<OnnxModel, 'name' | 'initializers'> & Partial<OnnxModel>,
  values?: Float32Array,
): Promise<Tensor | undefined> {
  try {
    const whole = encodeModel({ name: 'probe', initializers: [], ...model });
    const session = await ort.InferenceSession.create(whole, sessionOptions(1));
    const shape = (model.inputs[0]?.shape ?? []).map(Number);
    const zeros = new Float32Array(shape.reduce((size, dim) => size * dim, 1));
    const { y } = await session.run({ x: new ort.Tensor('float32', values ?? zeros, shape) });
    await session.release();
    return y;
  } catch {
    return undefined;
  }
}
