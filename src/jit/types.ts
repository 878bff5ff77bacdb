/** @file The types of the arguments and the result of a trace. */

import type * as tf from '@tensorflow/tfjs-core';
import type { Runtime } from './runtime.ts';

export type Dtype = 'float32' | 'int32';

/** The type of one state or input tensor; by default float32. A scalar has shape `[]`. */
export interface Spec {
  readonly shape: readonly number[];
  readonly dtype?: Dtype;
}

export type Specs = Readonly<Record<string, Spec>>;
export type Tensors = Readonly<Record<string, tf.Tensor>>;
export type Arrays = Readonly<Record<string, Float32Array | Int32Array>>;

/** A pure function of tensors. The new state has the keys, shapes and dtypes of the old one. */
export type TracedFunction = (
  state: Tensors,
  inputs: Tensors,
) => { readonly state: Tensors; readonly outputs: Tensors };

export interface TraceOptions {
  /** Our own passes (layout, algebra, shared subexpressions); default true. */
  readonly optimize?: boolean;
  /**
   * Channels per block of onnxruntime's blocked convs on this machine; without it only portable ops are
   * used.
   */
  readonly block?: number;
  /**
   * Whether the runtime's MaxPool gives the indices of the maxima, as ONNX's does; default true. onnxruntime-web's WebGPU does not. Without
   * them, the gradient of a max pool takes other ops, and its images must be finite.
   */
  readonly poolIndices?: boolean;
  /**
   * Whether convs that onnxruntime-web's WebGPU computes wrongly are written in other forms, of the same values; default false.
   */
  readonly safeConvs?: boolean;
  /** Whether small tensors of the state may be passed in vectors (see `joined`); default false. */
  readonly join?: boolean;
}

export interface JitOptions {
  /** Threads within an op; by default `MOONLET_THREADS`, or one for each core up to 8. */
  readonly threads?: number;
  /** Our own passes; default true. */
  readonly optimize?: boolean;
  /** The onnxruntime to run on, such as `onnxruntime-web` in a browser; by default `onnxruntime-node`. */
  readonly runtime?: Runtime;
  /**
   * A text that says everything that the function depends on besides its specs and the code of Moonlet. With it, the traced model is
   * kept on disk, and a later call with the same key and specs does not call the function. Without it, nothing is kept.
   */
  readonly key?: string | undefined;
  /** Whether traced models may be kept on disk, in the folder `models` of `MOONLET_CACHE`; default true. */
  readonly modelCache?: boolean;
}

/** A traced function as an ONNX model. */
export interface TracedModel {
  /** The ONNX protobuf. */
  readonly model: Uint8Array;
  /** How many ONNX nodes it has. */
  readonly nodes: number;
  /** How often each ONNX op occurs. */
  readonly counts: Readonly<Record<string, number>>;
  /** How many numbers are part of the model: the tensors that the function captured, and shapes. */
  readonly constants: number;
  readonly state: Specs;
  readonly inputs: Specs;
  readonly outputs: Specs;
  /** For each vector of the model, `joined/0` and on, the names of the state that it holds, in order. */
  readonly joined: readonly (readonly string[])[];
}

/** A traced function that is ready to run. */
export interface Jitted {
  /**
   * Calls the function. Every array is row-major, with as many values as its spec has.
   *
   * @throws MoonletError when a name is missing or unknown, or an array has the wrong type or length.
   */
  run(state: Arrays, inputs: Arrays): Promise<{ state: Arrays; outputs: Arrays }>;
  /** The ONNX protobuf. */
  readonly model: Uint8Array;
  /** How many ONNX nodes it has. */
  readonly nodes: number;
  /** Frees the session; `run` must not be called after that. */
  release(): Promise<void>;
}

/** The value at an index that is known to be there. */
export function nth<T>(values: readonly T[], index: number): T {
  const value = values[index];
  if (value === undefined) throw new Error(`internal: no value ${index} of ${values.length}`);
  return value;
}

/** The number of values in a tensor of that shape. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, dim) => product * dim, 1);
