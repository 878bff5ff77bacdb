/** @file Runs a traced model on onnxruntime. */

import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { MoonletError } from '../errors.ts';
import { blockOf, loadRuntime, type Runtime, sessionOptions } from './runtime.ts';
import { trace } from './trace.ts';
import {
  type Arrays,
  type JitOptions,
  type Jitted,
  type Specs,
  sizeOf,
  type TracedFunction,
  type TracedModel,
} from './types.ts';

/**
 * Traces `fn` (see `trace`) and compiles it for onnxruntime.
 *
 * @throws MoonletError when the function cannot be traced, onnxruntime is not installed, or it lacks a
 * kernel.
 */
export async function jit(
  fn: TracedFunction,
  specs: { state: Specs; inputs: Specs },
  options: JitOptions = {},
): Promise<Jitted> {
  const ort = options.runtime ?? (await loadRuntime());
  const optimize = options.optimize ?? true;
  const compile = async (block: number | undefined): Promise<[TracedModel, InferenceSession]> => {
    const traced = trace(fn, specs, { optimize, ...(block ? { block } : {}) });
    try {
      return [traced, await ort.InferenceSession.create(traced.model, sessionOptions(options.threads))];
    } catch (error) {
      // blocked convs are onnxruntime's own affair: where they fail, plain ones may do
      if (block) return compile(undefined);
      throw refusal(error);
    }
  };
  const [traced, session] = await compile(optimize ? await blockOf(ort) : undefined);
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
      return {
        state: pick(results, 'newState/', specs.state),
        outputs: pick(results, 'outputs/', traced.outputs),
      };
    },
    async release() {
      if (released) return;
      released = true;
      await session.release();
    },
  };
}

/** What onnxruntime says of a graph that it does not run, in a line. */
function refusal(error: unknown): MoonletError {
  const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
  return new MoonletError(
    `jit: onnxruntime refuses the traced graph (${reason}); ` +
      'cast the operands of that op to float32, or write it with other ops',
  );
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
      throw new MoonletError(
        `jit: run got ${room}.${name}, which the specs lack; known: ${Object.keys(specs).join(', ')}`,
      );
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
