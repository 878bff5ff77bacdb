/** @file onnxruntime: loaded when first needed, its options, and what of it this machine has. */

import type { InferenceSession } from 'onnxruntime-common';
import { MoonletError, UsageError } from '../errors.ts';
import { encodeModel } from '../onnx/index.ts';

/** What we call of onnxruntime: its build for Node, or the one for browsers, `onnxruntime-web`. */
export type Runtime = Pick<typeof import('onnxruntime-common'), 'InferenceSession' | 'Tensor'>;

/** @throws MoonletError with the line that installs onnxruntime, when it is not there. */
export async function loadRuntime(
  load: () => Promise<unknown> = () => import('onnxruntime-node'),
): Promise<Runtime> {
  try {
    const loaded = (await load()) as Runtime & { default?: Runtime };
    return loaded.default ?? loaded;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new MoonletError(
      `jit: onnxruntime-node does not load (${reason}); ` +
        'npm install --onnxruntime-node-install=skip onnxruntime-node@1.30.0',
    );
  }
}

/** More are not known to help nets as small as ours. */
const mostThreads = 8;

/** The threads of `MOONLET_THREADS`; without it one for each core, up to 8. */
export function defaultThreads(): number {
  const told = globalThis.process?.env?.['MOONLET_THREADS'];
  if (told !== undefined && told !== '') {
    const threads = Number(told);
    if (Number.isInteger(threads) && threads > 0) return threads;
    throw new UsageError(`MOONLET_THREADS must be a whole number from 1 up, got "${told}"`);
  }
  const cores =
    globalThis.process?.getBuiltinModule?.('node:os').availableParallelism() ??
    globalThis.navigator?.hardwareConcurrency ??
    1;
  return Math.min(cores, mostThreads);
}

/**
 * The arena and its patterns, which are onnxruntime's defaults, halve the time of a step; ops run in
 * sequence. A thread without work spins for so short a time that it costs little where other programs want
 * the core, and still catches the next op of a step behind one that runs on one thread.
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

/** Four channels are the least that can be reordered; how many come out is the block. */
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
    return undefined; // a build or a machine without them: plain convs do
  }
}
