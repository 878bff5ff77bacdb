/** @file onnxruntime: loaded when first needed, its options, and what of it this machine has. */

import type { InferenceSession } from 'onnxruntime-node';
import { MoonletError } from '../errors.ts';
import { encodeModel } from '../onnx/index.ts';

export type Runtime = typeof import('onnxruntime-node');

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

/**
 * The arena and its patterns, which are onnxruntime's defaults, halve the time of a step; ops run in
 * sequence.
 */
export function sessionOptions(threads: number): InferenceSession.SessionOptions {
  return {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  };
}

let block: Promise<number | undefined> | undefined;

/** Channels per block of this machine's blocked convs; undefined where there are none. */
export function blockOf(ort: Runtime): Promise<number | undefined> {
  block ??= probe(ort);
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
