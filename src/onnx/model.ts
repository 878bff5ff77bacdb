/**
 * @file ONNX models as plain data: the parts of onnx.proto that networks need, with small typed interfaces.
 */

export const onnxDtypes = [
  'float32',
  'float16',
  'bfloat16',
  'uint8',
  'int8',
  'int4',
  'uint16',
  'int16',
  'int32',
  'int64',
  'bool',
  'float64',
] as const;
export type OnnxDtype = (typeof onnxDtypes)[number];

/** int64 values are given as numbers; they are exact up to 2^53. float16 and bfloat16 values are given as their bits. */
export type OnnxData =
  | Float32Array
  | Uint16Array
  | Float64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array
  | readonly number[];

/** A tensor with its values in row-major order. `data` is a `number[]` for int64, a `Uint8Array` for bool, a `Uint16Array` of bits for float16 and bfloat16,
 * an `Int8Array` for int4. */
export interface OnnxTensor {
  readonly name: string;
  readonly dtype: OnnxDtype;
  readonly shape: readonly number[];
  readonly data: OnnxData;
}

/** One attribute. The kind is spelled out, since ONNX tells 1 (an int) from 1.0 (a float). */
export type OnnxAttribute =
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  | { readonly kind: 'tensor'; readonly value: OnnxTensor }
  /** Read but not written: a subgraph, or a type that networks do not need, by its number in onnx.proto. */
  | { readonly kind: 'other'; readonly type: number };

/** An empty input name stands for an optional input that is left out. */
export interface OnnxNode {
  readonly name?: string;
  readonly opType: string;
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
  /** What an exporter notes about the node, such as the modules that it comes from. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The type of a graph's input or output; a string in `shape` is a symbolic size, such as `batch`. */
export interface OnnxValue {
  readonly name: string;
  readonly dtype: OnnxDtype;
  readonly shape: readonly (number | string)[];
}

export interface OnnxModel {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** Default 18. */
  readonly opset?: number;
  /** Opset versions of domains other than ONNX's own. */
  readonly domains?: Readonly<Record<string, number>>;
  /** Default 8. */
  readonly irVersion?: number;
  readonly producer?: string;
  readonly producerVersion?: string;
  readonly doc?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

export const int = (value: number): OnnxAttribute => ({ kind: 'int', value });
export const float = (value: number): OnnxAttribute => ({ kind: 'float', value });
export const string = (value: string): OnnxAttribute => ({ kind: 'string', value });
export const ints = (value: readonly number[]): OnnxAttribute => ({ kind: 'ints', value });
export const floats = (value: readonly number[]): OnnxAttribute => ({ kind: 'floats', value });
