/**
 * @file The law of agreement for every block at once: the graph that is lowered for blocks of 8, of 16, and for a runtime
 * without blocks, each in the interpreter on this machine, against tf's eager backend.
 */

import type * as tf from '@tensorflow/tfjs-core';
import {
  type Arrays,
  type Jitted,
  type Spec,
  type Specs,
  type TracedFunction,
  trace,
} from '../../src/jit/index.ts';
import { loadRuntime, sessionOptions } from '../../src/jit/runtime.ts';
import { decodeModel } from '../../src/onnx/index.ts';
import { interpret } from './interpreter/index.ts';

/** Channels in a block of AVX2 and SSE, of AVX-512, and of runtimes without blocked ops. */
export const everyBlock = [8, 16, undefined] as const;

export const blockName = (block: number | undefined): string =>
  block === undefined ? 'no blocks' : `blocks of ${block}`;

/** The results of `fn`, traced for that block and interpreted. */
export function interpreted(
  fn: (...x: tf.Tensor[]) => tf.Tensor | tf.Tensor[],
  inputs: readonly tf.Tensor[],
  block: number | undefined,
): (Float32Array | Int32Array)[] {
  const specs: Record<string, Spec> = {};
  const feeds: Record<string, Float32Array | Int32Array> = {};
  inputs.forEach((input, i) => {
    specs[`x${i}`] = { shape: input.shape, dtype: input.dtype === 'int32' ? 'int32' : 'float32' };
    feeds[`inputs/x${i}`] = input.dataSync().slice() as Float32Array | Int32Array;
  });
  let count = 0;
  const { model } = trace(
    (_, x) => {
      const made = fn(...inputs.map((_, i) => x[`x${i}`] as tf.Tensor));
      const results = Array.isArray(made) ? made : [made];
      count = results.length;
      return { state: {}, outputs: Object.fromEntries(results.map((result, i) => [`y${i}`, result])) };
    },
    { state: {}, inputs: specs },
    block === undefined ? {} : { block },
  );
  const outputs = interpret(model, feeds, block);
  return Array.from({ length: count }, (_, i) => outputs[`outputs/y${i}`] as Float32Array);
}

interface Traced {
  readonly fn: TracedFunction;
  readonly specs: { readonly state: Specs; readonly inputs: Specs };
}

/** A traced function that is lowered for that block, and run by the interpreter. */
export function interpretedStep(
  { fn, specs }: Traced,
  block: number | undefined,
): Pick<Jitted, 'run' | 'release'> {
  const { model } = trace(fn, specs, block === undefined ? {} : { block });
  return runnerOf(async (feeds) => interpret(model, feeds, block));
}

/** A traced function that is lowered without blocks, and run by this machine's onnxruntime. */
export async function plainStep({ fn, specs }: Traced): Promise<Pick<Jitted, 'run' | 'release'>> {
  const { model } = trace(fn, specs);
  const ort = await loadRuntime();
  const session = await ort.InferenceSession.create(model, sessionOptions());
  const types = new Map(decodeModel(model).inputs.map((input) => [input.name, input]));
  const run = async (feeds: Arrays): Promise<Arrays> => {
    const tensors = Object.entries(feeds).map(([name, data]) => {
      const { dtype, shape } = types.get(name) ?? { dtype: 'float32', shape: [] };
      return [name, new ort.Tensor(dtype === 'int32' ? 'int32' : 'float32', data, shape.map(Number))];
    });
    const results = await session.run(Object.fromEntries(tensors));
    return Object.fromEntries(
      Object.entries(results).map(([name, { data }]) => [name, data as Float32Array]),
    );
  };
  return { ...runnerOf(run), release: () => session.release() };
}

/** Names of a model's inputs and outputs for those of a step. */
function runnerOf(run: (feeds: Arrays) => Promise<Arrays>): Pick<Jitted, 'run' | 'release'> {
  const within = (room: string, arrays: Arrays): [string, Arrays[string]][] =>
    Object.entries(arrays).map(([name, data]) => [`${room}/${name}`, data]);
  const from = (room: string, arrays: Arrays): Arrays =>
    Object.fromEntries(
      Object.entries(arrays).flatMap(([name, data]) =>
        name.startsWith(`${room}/`) ? [[name.slice(room.length + 1), data]] : [],
      ),
    );
  return {
    run: async (state, inputs) => {
      const feeds = Object.fromEntries([...within('state', state), ...within('inputs', inputs)]);
      const results = await run(feeds);
      return { state: from('newState', results), outputs: from('outputs', results) };
    },
    release: async () => {},
  };
}
