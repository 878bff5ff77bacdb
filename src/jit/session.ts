/** @file Runs a traced model on onnxruntime. */

import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-common';
import { MoonletError } from '../errors.ts';
import { blockOf, loadRuntime, sessionOptions } from './runtime.ts';
import { trace } from './trace.ts';
import {
  type Arrays,
  type JitOptions,
  type Jitted,
  type Spec,
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
  const compile = async (block: number | undefined): Promise<Compiled> => {
    const traced = trace(fn, specs, { optimize, join: true, ...(block ? { block } : {}) });
    try {
      const session = await ort.InferenceSession.create(traced.model, sessionOptions(options.threads));
      return { traced, session, block };
    } catch (error) {
      if (block === undefined) throw refusal(error);
      return withoutBlocks(error);
    }
  };
  /** Blocked ops are an internal matter of onnxruntime: where it refuses a graph with them, one without them is right, and slower. */
  const withoutBlocks = async (error: unknown): Promise<Compiled> => {
    const plain = await compile(undefined); // which says so where that is refused as well
    warn(
      `onnxruntime refuses a graph in blocks of channels (${firstLine(error)}), so that a slower one without them runs; ` +
        'please report this with the net and the batch',
    );
    return plain;
  };
  let compiled = await compile(optimize ? await blockOf(ort) : undefined);
  let hasRun = false;
  const { traced } = compiled;
  const within = new Set(traced.joined.flat());
  const apart = Object.entries(specs.state).filter(([name]) => !within.has(name));
  const vectors = traced.joined.map((names) => {
    const sizes = names.map((name) => sizeOf(specs.state[name]?.shape ?? []));
    return { names, sizes, total: sizes.reduce((sum, size) => sum + size, 0) };
  });
  let released = false;
  /** Some conditions of blocked ops are checked when they run: the first run tells. */
  const runSession = async (feeds: Record<string, OrtTensor>) => {
    try {
      const results = await compiled.session.run(feeds);
      hasRun = true;
      return results;
    } catch (error) {
      if (hasRun || compiled.block === undefined) throw error;
      const { session } = compiled;
      compiled = await withoutBlocks(error);
      await session.release();
      return compiled.session.run(feeds);
    }
  };
  return {
    get model() {
      return compiled.traced.model;
    },
    get nodes() {
      return compiled.traced.nodes;
    },
    async run(state, inputs) {
      if (released) throw new MoonletError('jit: run after release; call jit again for a new session');
      checked('state', specs.state, state);
      checked('inputs', specs.inputs, inputs);
      const feeds: Record<string, OrtTensor> = {};
      const feed = (name: string, { dtype, shape }: Spec, data: Float32Array | Int32Array): void => {
        feeds[name] = new ort.Tensor(dtype ?? 'float32', data, [...shape]);
      };
      for (const [name, spec] of apart) feed(`state/${name}`, spec, state[name] as Float32Array);
      for (const [name, spec] of Object.entries(specs.inputs))
        feed(`inputs/${name}`, spec, inputs[name] as Float32Array);
      vectors.forEach(({ names, total }, i) => {
        feed(`joined/${i}`, { shape: [total] }, oneVector(state, names, total));
      });
      const results = await runSession(feeds);
      const found = (name: string) => (results[name] as OrtTensor).data as Float32Array | Int32Array;
      const after: Record<string, Float32Array | Int32Array> = {};
      for (const [name] of apart) after[name] = found(`newState/${name}`);
      vectors.forEach(({ names, sizes }, i) => {
        const data = found(`newJoined/${i}`);
        let at = 0;
        names.forEach((name, k) => {
          const to = at + (sizes[k] as number);
          after[name] = data.subarray(at, to);
          at = to;
        });
      });
      return {
        state: Object.fromEntries(
          Object.keys(specs.state).map((name) => [name, after[name] as Float32Array]),
        ),
        outputs: Object.fromEntries(
          Object.keys(traced.outputs).map((name) => [name, found(`outputs/${name}`)]),
        ),
      };
    },
    async release() {
      if (released) return;
      released = true;
      await compiled.session.release();
    },
  };
}

interface Compiled {
  readonly traced: TracedModel;
  readonly session: InferenceSession;
  /** Channels in a block, where the graph has blocked ops. */
  readonly block: number | undefined;
}

/** A warning that programs can listen to in Node, and a line in the console elsewhere. */
function warn(text: string): void {
  if (globalThis.process?.emitWarning) globalThis.process.emitWarning(text, { code: fallbackCode });
  // biome-ignore lint/suspicious/noConsole: a browser has no other place for a warning
  else console.warn(`moonlet: ${text}`);
}

/** The code of the warning that a graph without blocks took over. */
export const fallbackCode = 'MOONLET_WITHOUT_BLOCKS';

const firstLine = (error: unknown): string | undefined =>
  error instanceof Error ? error.message.split('\n')[0] : String(error);

/** What onnxruntime says of a graph that it does not run, in a line. */
function refusal(error: unknown): MoonletError {
  return new MoonletError(
    `jit: onnxruntime refuses the traced graph (${firstLine(error)}); ` +
      'cast the operands of that op to float32, or write it with other ops',
  );
}

/** @throws MoonletError unless the arrays are those of the specs, no less and no more. */
function checked(room: string, specs: Specs, arrays: Arrays): void {
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
  }
  for (const name of Object.keys(arrays)) {
    if (!(name in specs)) {
      throw new MoonletError(
        `jit: run got ${room}.${name}, which the specs lack; known: ${Object.keys(specs).join(', ')}`,
      );
    }
  }
}

/** Arrays as one; those that a run gave lie one behind another already, and nothing is copied. */
function oneVector(arrays: Arrays, names: readonly string[], total: number): Float32Array {
  const parts = names.map((name) => arrays[name] as Float32Array);
  const [first] = parts;
  if (!first) return new Float32Array(total);
  let end = first.byteOffset;
  const inOrder = parts.every(({ buffer, byteOffset, byteLength }) => {
    const follows = buffer === first.buffer && byteOffset === end;
    end += byteLength;
    return follows;
  });
  if (inOrder) return new Float32Array(first.buffer, first.byteOffset, total);
  const vector = new Float32Array(total);
  let at = 0;
  for (const part of parts) {
    vector.set(part, at);
    at += part.length;
  }
  return vector;
}
