/** @file Constants of an ONNX graph: initializers, and what is computed from them. */
import { getFloat16 } from '@petamoriken/float16';
import type { OnnxData, OnnxDtype, OnnxTensor } from '../../onnx/index.ts';
import { emptyLike, permuted } from './permute.ts';

/** Integers with a step, of which a constant was dequantized: value = (code - zero) scale. */
export interface Codes {
  readonly data: Int8Array;
  readonly scales: Float32Array;
  /** The axis of the scales, where there are several. */
  readonly axis: number;
  /** Of codes that the file stores in 4 bits; 8 by default. */
  readonly bits?: number;
}
/** Values of real types are numbers, whatever type the file stores. */
export interface Constant {
  readonly kind: 'constant';
  readonly dtype: OnnxDtype;
  readonly shape: readonly number[];
  readonly data: OnnxData;
  /** The initializer. */
  readonly name?: string;
  readonly codes?: Codes;
}

export const isReal = (dtype: OnnxDtype): boolean => /float/.test(dtype);
export const countOf = (shape: readonly number[]): number => shape.reduce((n, dim) => n * dim, 1);

const word = new DataView(new ArrayBuffer(4));
/** bfloat16: the upper half of a float32. */
function fromBrain(bits: number): number {
  word.setUint32(0, bits * 65536);
  return word.getFloat32(0);
}
/** Half-precision bits as floats. */
function fromBits(dtype: OnnxDtype, data: Uint16Array): Float32Array {
  if (dtype === 'bfloat16') return Float32Array.from(data, fromBrain);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return Float32Array.from(data, (_, i) => getFloat16(view, 2 * i, true));
}

/** A constant whose values are computed when they are first read. */
export function later(rest: Omit<Constant, 'data'>, make: () => OnnxData): Constant {
  let data: OnnxData | undefined;
  return {
    ...rest,
    get data() {
      data ??= make();
      return data;
    },
  };
}

/** A tensor of a file. */
export function constantOf(tensor: OnnxTensor): Constant {
  const { name, dtype, shape } = tensor;
  const isHalf = dtype === 'float16' || dtype === 'bfloat16';
  const rest = { kind: 'constant', shape, ...(name === '' ? {} : { name }) } as const;
  return later({ ...rest, dtype: isHalf ? 'float32' : dtype }, () => {
    const { data } = tensor;
    return isHalf && data instanceof Uint16Array ? fromBits(dtype, data) : data;
  });
}

/** Whole numbers, one axis. */
export const wholeNumbers = (
  data: readonly number[],
  shape: readonly number[] = [data.length],
): Constant => ({
  kind: 'constant',
  dtype: 'int64',
  shape,
  data,
});

/** The values as float32, without a copy where they are. */
export const floatsOf = ({ data }: Constant): Float32Array =>
  data instanceof Float32Array ? data : Float32Array.from(data);
export const numbersOf = ({ data }: Constant): readonly number[] => Array.from(data);

/** The value of a constant of one element. */
export const scalarOf = (constant: Constant | undefined): number | undefined =>
  constant?.data.length === 1 ? constant.data[0] : undefined;

/** Values of a type, from numbers. */
export function dataOf(dtype: OnnxDtype, values: readonly number[]): OnnxData {
  if (isReal(dtype)) return dtype === 'float64' ? Float64Array.from(values) : Float32Array.from(values);
  switch (dtype) {
    case 'int8':
      return Int8Array.from(values);
    case 'int32':
      return Int32Array.from(values);
    case 'int16':
      return Int16Array.from(values);
    case 'uint16':
      return Uint16Array.from(values);
    case 'uint8':
    case 'bool':
      return Uint8Array.from(values);
    default:
      return values.map(Math.trunc);
  }
}

/** The axes of a constant in another order. */
export function transposed(constant: Constant, order: readonly number[]): Constant {
  const { shape, dtype, codes, kind } = constant;
  const turned = codes && {
    ...codes,
    data: permuted(codes.data, shape, order, new Int8Array(codes.data.length)),
    axis: order.indexOf(codes.axis),
  };
  const rest = {
    kind,
    dtype,
    shape: order.map((axis) => shape[axis] ?? 1),
    ...(turned ? { codes: turned } : {}),
  };
  return later(rest, () => permuted(constant.data, shape, order, emptyLike(constant.data, countOf(shape))));
}

/** For each place of the transposed array, the place in the array. */
export function placesOf(shape: readonly number[], order: readonly number[]): Int32Array {
  const strides = shape.map((_, axis) => countOf(shape.slice(axis + 1)));
  let places = Int32Array.of(0);
  for (const axis of order) {
    const [size = 1, stride = 1] = [shape[axis], strides[axis]];
    const next = new Int32Array(places.length * size);
    for (let i = 0, to = 0; i < places.length; i++)
      for (let k = 0, from = places[i]!; k < size; k++, from += stride) next[to++] = from;
    places = next;
  }
  return places;
}

/** The values at some places, in an array of the same kind. */
export function picked(data: OnnxData, places: Int32Array): OnnxData {
  const to = emptyLike(data, places.length);
  for (let i = 0; i < places.length; i++) to[i] = data[places[i]!] ?? 0;
  return to;
}
