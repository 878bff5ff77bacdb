/** @file What a lowering writes with: ONNX nodes, and where each value of the graph already lies in memory, in which layouts. */

import type { OnnxNode, OnnxTensor } from '../../onnx/index.ts';
import type { Attributes, Node, Value, ValueType } from '../ir.ts';
import type { Layout } from './layout.ts';

/** Of onnxruntime's blocked ops. */
export const blockedDomain = 'com.microsoft.nchwc';

/** The nodes that read a value; undefined where it is a result of the whole graph. */
export type Readers = (value: Value) => readonly Node[] | undefined;

export interface Emitter {
  readonly nodes: OnnxNode[];
  readonly initializers: Map<string, OnnxTensor>;
  /** Whether values may stay in other layouts than tf's from op to op. */
  readonly carry: boolean;
  readonly block: number | undefined;
  readonly readers: Readers;
  /** The nodes that are lowered. */
  readonly done: Set<Node>;
  /** The means, [channels], of images that lie here without them. See `conv-norm.ts`. */
  readonly means: Map<Value, string>;
  /** The factors, [channels], that images lack here. */
  readonly factors: Map<Value, string>;
  /** Images that are not there as such, but in phases that wait for another's. See `phases.ts`. */
  readonly phases: Map<Value, readonly (string | undefined)[]>;
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
  constant(data: Float32Array | Int32Array | Uint8Array, shape: readonly number[], dtype: ValueType): string;
  /** The name under which `value` lies in that layout; it is brought there when it does not yet. */
  get(value: Value, layout?: Layout): string;
  put(value: Value, name: string, layout?: Layout): void;
  has(value: Value, layout: Layout): boolean;
  layouts(value: Value): readonly Layout[];
  reshape(name: string, shape: readonly number[]): string;
  transpose(name: string, perm: readonly number[]): string;
  /** A fixed result per key, such as a vector reshaped for broadcasting. */
  once(key: string, make: () => string): string;
}
