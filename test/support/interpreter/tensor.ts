/** @file Tensors of the interpreter: row-major arrays with shapes, int64 as doubles (exact up to 2^53). */

import type { OnnxAttribute } from '../../../src/onnx/index.ts';

export type Numbers = Float32Array | Float64Array | Int32Array | Uint8Array;

export interface Tensor {
  readonly dtype: 'float32' | 'int32' | 'int64' | 'bool';
  readonly shape: readonly number[];
  readonly data: Numbers;
}

export type Attributes = Readonly<Record<string, OnnxAttribute>>;

/** An optional input that is left out is undefined. */
export type Operands = readonly (Tensor | undefined)[];

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, dim) => product * dim, 1);

export const stridesOf = (shape: readonly number[]): number[] =>
  shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));

export function zeros(dtype: Tensor['dtype'], size: number): Numbers {
  if (dtype === 'float32') return new Float32Array(size);
  if (dtype === 'int32') return new Int32Array(size);
  return dtype === 'bool' ? new Uint8Array(size) : new Float64Array(size);
}

export const tensor = (dtype: Tensor['dtype'], shape: readonly number[], data: Numbers): Tensor => {
  if (data.length !== sizeOf(shape)) {
    throw new Error(`${data.length} numbers do not have the shape [${shape.join(', ')}]`);
  }
  return { dtype, shape, data };
};

export function need(operands: Operands, index: number): Tensor {
  const operand = operands[index];
  if (!operand) throw new Error(`operand ${index} is missing`);
  return operand;
}

export const listOf = ({ data }: Tensor): number[] => Array.from(data);

export function intOf(attributes: Attributes, name: string, otherwise: number): number {
  const attribute = attributes[name];
  return attribute?.kind === 'int' || attribute?.kind === 'float' ? attribute.value : otherwise;
}

export function intsOf(
  attributes: Attributes,
  name: string,
  otherwise: readonly number[],
): readonly number[] {
  const attribute = attributes[name];
  return attribute?.kind === 'ints' || attribute?.kind === 'floats' ? attribute.value : otherwise;
}

export function textOf(attributes: Attributes, name: string, otherwise: string): string {
  const attribute = attributes[name];
  return attribute?.kind === 'string' ? attribute.value : otherwise;
}

/** Numpy's broadcasting: the shape of a result of operands of these shapes. */
export function broadcast(shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    const dims = shapes.map((shape) => shape[axis - rank + shape.length] ?? 1).filter((dim) => dim !== 1);
    if (new Set(dims).size > 1) {
      throw new Error(`shapes ${shapes.map((s) => `[${s.join(', ')}]`).join(' and ')} do not broadcast`);
    }
    return dims[0] ?? 1;
  });
}

/** The place in a tensor of shape `from` of each place of `to`, to which it broadcasts. */
export function places(from: readonly number[], to: readonly number[]): Int32Array {
  const strides = stridesOf(from);
  const steps = to.map((_, axis) => {
    const own = axis - to.length + from.length;
    return (from[own] ?? 1) === 1 ? 0 : (strides[own] ?? 0);
  });
  return walk(to, steps, 0);
}

/** Offsets of all places of `shape`, in order, where one step along each axis moves by `steps`. */
export function walk(shape: readonly number[], steps: readonly number[], start: number): Int32Array {
  let offsets = Int32Array.of(start);
  shape.forEach((dim, axis) => {
    const longer = new Int32Array(offsets.length * dim);
    const step = steps[axis] ?? 0;
    for (let i = 0, next = 0; i < offsets.length; i++) {
      for (let k = 0; k < dim; k++) longer[next++] = (offsets[i] ?? 0) + k * step;
    }
    offsets = longer;
  });
  return offsets;
}

/** Those numbers of `data` at these offsets; negative offsets give `otherwise`. */
export function pick(x: Tensor, shape: readonly number[], offsets: Int32Array, otherwise = 0): Tensor {
  const data = zeros(x.dtype, offsets.length);
  for (let i = 0; i < offsets.length; i++) {
    const offset = offsets[i] ?? -1;
    data[i] = offset < 0 ? otherwise : (x.data[offset] ?? Number.NaN);
  }
  return tensor(x.dtype, shape, data);
}

export function reshaped(x: Tensor, shape: readonly number[]): Tensor {
  const known = shape.map((dim, axis) => (dim === 0 ? (x.shape[axis] ?? 0) : dim));
  const rest = known.reduce((product, dim) => (dim < 0 ? product : product * dim), 1);
  return tensor(
    x.dtype,
    known.map((dim) => (dim < 0 ? x.data.length / rest : dim)),
    x.data,
  );
}

export function transposed(x: Tensor, perm: readonly number[]): Tensor {
  const strides = stridesOf(x.shape);
  const shape = perm.map((axis) => x.shape[axis] ?? 1);
  return pick(
    x,
    shape,
    walk(
      shape,
      perm.map((axis) => strides[axis] ?? 0),
      0,
    ),
  );
}
