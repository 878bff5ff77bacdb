/** @file The interface by which lowerings write ONNX nodes and ask in which layouts a value is already stored. */

import type { OnnxNode, OnnxTensor } from '../../onnx/index.ts';
import type { Attributes, Fusions, Value, ValueType } from '../ir.ts';
import type { Layout } from './layout.ts';

/** The domain of onnxruntime's blocked ops. */
export const blockedDomain = 'com.microsoft.nchwc';

export interface Emitter {
  readonly nodes: OnnxNode[];
  readonly initializers: Map<string, OnnxTensor>;
  /** Whether values may stay in another layout than tf's between ops. */
  readonly carry: boolean;
  readonly block: number | undefined;
  /** Whether the runtime's MaxPool gives the indices of the maxima, as a second output. */
  readonly poolIndices: boolean;
  /** Whether the runtime computes some convs wrongly, so that they need other forms. */
  readonly safeConvs: boolean;
  readonly fusions: Fusions;
  /** Appends a node and gives its outputs' names. */
  emit(
    op: string,
    inputs: readonly string[],
    attributes?: Attributes,
    outputs?: number,
    domain?: string,
  ): string[];
  /** The same for a node of one output. */
  emit1(op: string, inputs: readonly string[], attributes?: Attributes, domain?: string): string;
  /** An int64 vector. */
  longs(values: readonly number[]): string;
  /** A constant of one value. */
  scalar(value: number, dtype: ValueType): string;
  /** A constant of that shape with one value everywhere. */
  splat(value: number, shape: readonly number[], dtype: ValueType): string;
  constant(data: Float32Array | Int32Array | Uint8Array, shape: readonly number[], dtype: ValueType): string;
  /** The name of `value` in that layout, by default tf's own. Where it does not lie there yet, nodes that move it are written. */
  get(value: Value, layout?: Layout): string;
  put(value: Value, name: string, layout?: Layout): void;
  has(value: Value, layout: Layout): boolean;
  layouts(value: Value): readonly Layout[];
  /** Says that `value` equals `other`, which is lowered already: both share a name in every layout. */
  alias(value: Value, other: Value): void;
  /** Says that `value`, a number for each channel, is the same number in each, so that what reads it may leave it out. */
  putNumber(value: Value, number: number): void;
  /** That number; undefined where `value` is a tensor. */
  numberOf(value: Value): number | undefined;
  reshape(name: string, shape: readonly number[]): string;
  transpose(name: string, perm: readonly number[]): string;
  /** Makes a result once for each key, such as a vector reshaped for broadcasting. */
  once(key: string, make: () => string): string;
}
