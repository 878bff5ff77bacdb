/** @file Runs a traced model on onnxruntime. */

import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { MoonletError } from '../errors.ts';
import { encodeModel } from '../onnx/index.ts';
import { trace } from './trace.ts';
import { type Arrays, type Jitted, type JitOptions, type Specs, sizeOf, type TracedFunction } from './types.ts';

type Runtime = typeof import('onnxruntime-node');

/** @throws MoonletError with the line that installs onnxruntime, when it is not there. */
async function runtime(): Promise<Runtime> {
  try {
    const loaded = (await import('onnxruntime-node')) as Runtime & { default?: Runtime };
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
 * Traces `fn` (see `trace`) and compiles it for onnxruntime.
 *
 * @throws MoonletError when the function cannot be traced or onnxruntime is not installed.
 */
export async function jit(
  fn: TracedFunction,
  specs: { state: Specs; inputs: Specs },
  options: JitOptions = {},
): Promise<Jitted> {
  const ort = await runtime();
  const optimize = options.optimize ?? true;
  const block = optimize ? await blockOf(ort) : undefined;
  const traced = trace(fn, specs, { optimize, ...(block ? { block } : {}) });
  const session = await ort.InferenceSession.create(traced.model, sessionOptions(options.threads ?? 1));
  let released = false;
  return {
    model: traced.model,
    nodes: traced.nodes,
    async run(state, inputs) {
      if (released) throw new MoonletError('jit: run after release; call jit again for a new session');
      const feeds = {
        ...feedsOf(ort, 'state', specs.state, state),
        ...feedsOf(ort, 'inputs', specs.inputs, inputs),
      };
      const results = await session.run(feeds);
      return { state: pick(results, 'newState/', specs.state), outputs: pick(results, 'outputs/', traced.outputs) };
    },
    async release() {
      if (released) return;
      released = true;
      await session.release();
    },
  };
}

function sessionOptions(threads: number): InferenceSession.SessionOptions {
  return {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  };
}

let block: Promise<number | undefined> | undefined;

/** Channels per block of this machine's blocked convs: how long one block of 4 channels gets. */
function blockOf(ort: Runtime): Promise<number | undefined> {
  block ??= probe(ort);
  return block;
}

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

function feedsOf(ort: Runtime, room: string, specs: Specs, arrays: Arrays): Record<string, OrtTensor> {
  const feeds: Record<string, OrtTensor> = {};
  for (const [name, spec] of Object.entries(specs)) {
    const dtype = spec.dtype ?? 'float32';
    const data = arrays[name];
    if (!data) throw new MoonletError(`jit: run lacks ${room}.${name}; give every name of the specs`);
    const right = dtype === 'float32' ? data instanceof Float32Array : data instanceof Int32Array;
    if (!right || data.length !== sizeOf(spec.shape)) {
      throw new MoonletError(
        `jit: ${room}.${name} is ${dtype} [${spec.shape.join(', ')}], got ${data.constructor.name} of ${data.length}; ` +
          `give ${dtype === 'float32' ? 'a Float32Array' : 'an Int32Array'} of ${sizeOf(spec.shape)}`,
      );
    }
    feeds[`${room}/${name}`] = new ort.Tensor(dtype, data, [...spec.shape]);
  }
  for (const name of Object.keys(arrays)) {
    if (!(name in specs)) {
      throw new MoonletError(`jit: run got ${room}.${name}, which the specs lack; known: ${Object.keys(specs).join(', ')}`);
    }
  }
  return feeds;
}

function pick(results: InferenceSession.OnnxValueMapType, prefix: string, specs: Specs): Arrays {
  const arrays: Record<string, Float32Array | Int32Array> = {};
  for (const name of Object.keys(specs)) {
    arrays[name] = (results[prefix + name] as OrtTensor).data as Float32Array | Int32Array;
  }
  return arrays;
}
