/** @file Runs a traced model on onnxruntime. */

import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-common';
import { MoonletError } from '../errors.ts';
import { modelCache } from './model-cache.ts';
import {
  blockOf,
  givesPoolIndices,
  loadRuntime,
  needsSafeConvs,
  type Runtime,
  sessionOptions,
} from './runtime.ts';
import { trace } from './trace.ts';
import {
  type Arrays,
  type JitOptions,
  type Jitted,
  nth,
  type Spec,
  type Specs,
  sizeOf,
  type TracedFunction,
  type TracedModel,
  type TraceOptions,
} from './types.ts';

/**
 * Traces `fn` (see `trace`) and compiles it for onnxruntime.
 *
 * State and inputs are plain arrays, row-major, with as many values as their spec's shape has. The new state that `run` gives
 * goes into the next `run` as it is. Call `release` when done.
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs-core';
 * import { jit } from 'moonlet/jit';
 *
 * const step = await jit(
 *   ({ w }, { x, rate }) => {
 *     const loss = (k: tf.Tensor): tf.Scalar => tf.mean(tf.square(tf.matMul(x, k)));
 *     return { state: { w: tf.sub(w, tf.mul(tf.grad(loss)(w), rate)) }, outputs: { loss: loss(w) } };
 *   },
 *   { state: { w: { shape: [2, 1] } }, inputs: { x: { shape: [4, 2] }, rate: { shape: [] } } },
 * );
 * const inputs = { x: new Float32Array(8).fill(1), rate: Float32Array.of(0.1) };
 * const { state, outputs } = await step.run({ w: Float32Array.of(1, 2) }, inputs);
 * console.log(outputs['loss']?.[0]); // 9
 * await step.run(state, inputs);
 * await step.release();
 * ```
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
  const session = await openSession(ort, fn, specs, options);
  const { traced } = session.current();
  const vectors = traced.joined.map((names) => {
    const sizes = names.map((name) => sizeOf(specs.state[name]?.shape ?? []));
    return { names, sizes, total: sizes.reduce((sum, size) => sum + size, 0) };
  });
  const joined = new Set(traced.joined.flat());
  const tensors = { state: Object.entries(specs.state).filter(([name]) => !joined.has(name)), vectors };
  let released = false;
  return {
    get model() {
      return session.current().traced.model;
    },
    get nodes() {
      return session.current().traced.nodes;
    },
    async run(state, inputs) {
      if (released) throw new MoonletError('jit: run after release; call jit again for a new session');
      checked('state', specs.state, state);
      checked('inputs', specs.inputs, inputs);
      const results = await session.run(feedsOf(ort, tensors, specs.inputs, state, inputs));
      const after = newState(tensors, results);
      return {
        state: Object.fromEntries(Object.keys(specs.state).map((name) => [name, arrayOf(after, name)])),
        outputs: Object.fromEntries(
          Object.keys(traced.outputs).map((name) => [name, dataOf(results, `outputs/${name}`)]),
        ),
      };
    },
    async release() {
      if (released) return;
      released = true;
      await session.current().session.release();
    },
  };
}

/**
 * A graph in blocks is written as it should run, so that onnxruntime's own optimizations only cost time (T3: a third of the time of
 * compiling), unless there are constants to fold.
 */
const fewConstants = 65_536;

interface Compiled {
  readonly traced: TracedModel;
  readonly session: InferenceSession;
  /** Channels in a block, where the graph has blocked ops. */
  readonly block: number | undefined;
}

type Feeds = Readonly<Record<string, OrtTensor>>;

/** A session that falls back to a graph without blocks where onnxruntime refuses one with them. */
interface Session {
  readonly run: (feeds: Feeds) => Promise<Feeds>;
  readonly current: () => Compiled;
}

async function openSession(
  ort: Runtime,
  fn: TracedFunction,
  specs: { state: Specs; inputs: Specs },
  options: JitOptions,
): Promise<Session> {
  const optimize = options.optimize ?? true;
  const ownBlock = optimize ? await blockOf(ort) : undefined;
  const poolIndices = ownBlock !== undefined || (await givesPoolIndices(ort)); // what has blocks runs on the processor
  const safeConvs = await needsSafeConvs(ort);
  const compile = async (block: number | undefined): Promise<Compiled> => {
    const traced = tracedOrKept(ort, fn, specs, options, {
      optimize,
      join: true,
      ...(block ? { block } : {}),
      ...(poolIndices ? {} : { poolIndices }),
      ...(safeConvs ? { safeConvs } : {}),
    });
    try {
      const session = await ort.InferenceSession.create(traced.model, {
        ...sessionOptions(options.threads),
        ...(block && traced.constants <= fewConstants ? { graphOptimizationLevel: 'disabled' } : {}),
        // A pattern holds the memory of a run twice: as the first run took it piece by piece, and as one block. On WebAssembly that
        // saves a tenth of a step: pieces that differ little in their addresses, modulo a page, make elementwise ops up to six
        // times as slow.
        enableMemPattern: optimize && block === undefined,
      });
      return { traced, session, block };
    } catch (error) {
      if (block === undefined) throw refusal(error);
      return withoutBlocks(error);
    }
  };
  /** Blocked ops are internal to onnxruntime: where it refuses a graph with them, one without them is right, and slower. */
  const withoutBlocks = async (error: unknown): Promise<Compiled> => {
    const plain = await compile(undefined); // throws where onnxruntime refuses that graph as well
    warn(
      `onnxruntime refuses a graph in blocks of channels (${firstLine(error)}), so that a slower one without them runs; ` +
        'please report this with the net and the batch',
    );
    return plain;
  };
  let compiled = await compile(ownBlock);
  let hasRun = false;
  return {
    current: () => compiled,
    /** onnxruntime checks some conditions of blocked ops only when they run, so that the first run can fail. */
    run: async (feeds) => {
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
    },
  };
}

/** The model from the cache on disk, where it has one; else a fresh one, which is kept there if the options have a key. */
function tracedOrKept(
  ort: Runtime,
  fn: TracedFunction,
  specs: { state: Specs; inputs: Specs },
  { key, modelCache: isOn = true }: JitOptions,
  options: TraceOptions,
): TracedModel {
  const models = isOn && key !== undefined ? modelCache(ort) : undefined;
  if (!models) return trace(fn, specs, options);
  const whole = JSON.stringify([key, specs, options]);
  const kept = models.get(whole);
  if (kept) return { ...kept, ...specs };
  const traced = trace(fn, specs, options);
  const { state: _, inputs: __, ...model } = traced;
  models.set(whole, model);
  return traced;
}

/** The state as it passes between JavaScript and the session. */
interface StateTensors {
  /** Tensors that are inputs and outputs of their own. */
  readonly state: readonly (readonly [name: string, spec: Spec])[];
  /** Tensors that are one vector each. */
  readonly vectors: readonly {
    readonly names: readonly string[];
    readonly sizes: readonly number[];
    readonly total: number;
  }[];
}

function feedsOf(
  ort: Runtime,
  tensors: StateTensors,
  specs: Specs,
  state: Arrays,
  inputs: Arrays,
): Record<string, OrtTensor> {
  const feeds: Record<string, OrtTensor> = {};
  const feed = (name: string, { dtype, shape }: Spec, data: Float32Array | Int32Array): void => {
    feeds[name] = new ort.Tensor(dtype ?? 'float32', data, [...shape]);
  };
  for (const [name, spec] of tensors.state) feed(`state/${name}`, spec, arrayOf(state, name));
  for (const [name, spec] of Object.entries(specs)) feed(`inputs/${name}`, spec, arrayOf(inputs, name));
  tensors.vectors.forEach(({ names, total }, i) => {
    feed(`joined/${i}`, { shape: [total] }, oneVector(state, names, total));
  });
  return feeds;
}

/** The arrays of the new state; those of a vector are views of it. */
function newState(tensors: StateTensors, results: Feeds): Arrays {
  const after: Record<string, Float32Array | Int32Array> = {};
  for (const [name] of tensors.state) after[name] = dataOf(results, `newState/${name}`);
  tensors.vectors.forEach(({ names, sizes }, i) => {
    const data = dataOf(results, `newJoined/${i}`);
    let start = 0;
    names.forEach((name, k) => {
      const end = start + nth(sizes, k);
      after[name] = data.subarray(start, end);
      start = end;
    });
  });
  return after;
}

function arrayOf(arrays: Arrays, name: string): Float32Array | Int32Array {
  const array = arrays[name];
  if (!array) throw new Error(`internal: no array "${name}"`);
  return array;
}

function dataOf(results: Feeds, name: string): Float32Array | Int32Array {
  const data = results[name]?.data;
  if (data instanceof Float32Array || data instanceof Int32Array) return data;
  throw new Error(`internal: the session gave no numbers for ${name}`);
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

/** Arrays as one vector. Those that a run gave already lie one behind another in memory, so that nothing is copied. */
function oneVector(arrays: Arrays, names: readonly string[], total: number): Float32Array {
  const parts = names.map((name) => arrayOf(arrays, name));
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
  let offset = 0;
  for (const part of parts) {
    vector.set(part, offset);
    offset += part.length;
  }
  return vector;
}
