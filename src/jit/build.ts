/** @file Functions that add nodes to the IR graph. They infer shapes and, when optimizing, simplify expressions. */

import { float, int, ints, type OnnxAttribute } from '../onnx/index.ts';
import {
  type Attributes,
  add,
  add1,
  type Data,
  splatOf,
  type Trace,
  type Value,
  type ValueType,
} from './ir.ts';
import { foldMap } from './simplify.ts';
import { sizeOf } from './types.ts';

export const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((dim, i) => dim === b[i]);

/** Numpy's broadcasting of shapes that are known to fit. */
export function broadcastShape(shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, i) => {
    let dim = 1;
    for (const shape of shapes) {
      const size = shape[i - rank + shape.length] ?? 1;
      if (size !== 1) dim = size;
    }
    return dim;
  });
}

/** A constant of given values. Where all values are equal, only that number is kept. */
export function constant(trace: Trace, data: Data, shape: readonly number[], dtype: ValueType): Value {
  const [first] = data;
  const uniform = first !== undefined && data.every((value) => Object.is(value, first));
  return add1(trace, { kind: 'constant', data: uniform ? first : data }, [], { shape, dtype });
}

export function splat(
  trace: Trace,
  value: number,
  shape: readonly number[] = [],
  dtype: ValueType = 'float32',
): Value {
  const data = dtype === 'float32' ? Math.fround(value) : Math.trunc(value);
  return add1(trace, { kind: 'constant', data }, [], { shape, dtype });
}

const comparisons = new Set([
  'Greater',
  'GreaterOrEqual',
  'Less',
  'LessOrEqual',
  'Equal',
  'And',
  'Or',
  'Xor',
  'Not',
]);

/** An elementwise ONNX op; its dtype is bool for comparisons, else that of the last operand. */
export function map(trace: Trace, op: string, operands: readonly Value[], attributes?: Attributes): Value {
  const dtype: ValueType = comparisons.has(op) ? 'bool' : (operands.at(-1)?.dtype ?? 'float32');
  const shape = broadcastShape(operands.map((operand) => operand.shape));
  if (!trace.optimize) return rawMap(trace, op, operands, shape, dtype, attributes);
  const folded = foldMap(trace, op, operands, shape, dtype);
  if (folded) return folded;
  const [a, b] = op === 'Mul' ? operands.map((operand) => truth(trace, operand)) : [];
  // the product of two masks is computed on bools, which take a quarter of the memory
  if (a && b) return cast(trace, map(trace, 'And', [a, b]), dtype);
  // broadcasting does what an expansion would: op(expand(a), b) = expand(op(a, b))
  const small = operands.map((operand) => shrunk(trace, operand));
  const inner = broadcastShape(small.map((operand) => operand.shape));
  const padded = [...Array<number>(shape.length - inner.length).fill(1), ...inner];
  const result = rawMap(trace, op, small, sameShape(padded, shape) ? shape : inner, dtype, attributes);
  return expand(trace, result, shape);
}

/** With these ONNX's HardSigmoid, max(0, min(1, alpha x + beta)), is 1 where x > 0, else 0. */
export const stepAttributes: Attributes = { alpha: float(3.4028234663852886e38), beta: float(0) };

/** The bools behind a value of zeros and ones; undefined for other values. */
function truth(trace: Trace, { node: { op, inputs } }: Value): Value | undefined {
  const [source] = inputs;
  if (op.kind !== 'map' || !source) return undefined;
  if (op.op === 'Cast') return source.dtype === 'bool' ? source : undefined;
  return op.attributes === stepAttributes ? map(trace, 'Greater', [source, splat(trace, 0)]) : undefined;
}

function rawMap(
  trace: Trace,
  op: string,
  operands: readonly Value[],
  shape: readonly number[],
  dtype: ValueType,
  attributes: Attributes | undefined,
): Value {
  return add1(trace, { kind: 'map', op, ...(attributes ? { attributes } : {}) }, operands, { shape, dtype });
}

/** The operand of an expansion; a constant of one value as a scalar; other values as they are. */
function shrunk(trace: Trace, value: Value): Value {
  const number = splatOf(value);
  if (number !== undefined) return splat(trace, number, [], value.dtype);
  return value.node.op.kind === 'expand' ? (value.node.inputs[0] ?? value) : value;
}

export function cast(trace: Trace, x: Value, dtype: ValueType): Value {
  if (x.dtype === dtype) return x;
  const number = splatOf(x);
  if (trace.optimize && number !== undefined) {
    return splat(trace, dtype === 'bool' ? Number(number !== 0) : number, x.shape, dtype);
  }
  const to: OnnxAttribute = int({ float32: 1, int32: 6, bool: 9 }[dtype]);
  return add1(trace, { kind: 'map', op: 'Cast', attributes: { to } }, [x], { shape: x.shape, dtype });
}

export function expand(trace: Trace, x: Value, shape: readonly number[]): Value {
  if (sameShape(x.shape, shape)) return x;
  const number = splatOf(x);
  if (trace.optimize && number !== undefined) return splat(trace, number, shape, x.dtype);
  return add1(trace, { kind: 'expand' }, [x], { shape, dtype: x.dtype });
}

export function reshape(trace: Trace, x: Value, shape: readonly number[]): Value {
  if (sameShape(x.shape, shape)) return x;
  if (trace.optimize) {
    const number = splatOf(x);
    if (number !== undefined) return splat(trace, number, shape, x.dtype);
    const [source] = x.node.inputs;
    if (x.node.op.kind === 'reshape' && source) return reshape(trace, source, shape);
  }
  return add1(trace, { kind: 'reshape' }, [x], { shape, dtype: x.dtype });
}

export function transpose(trace: Trace, x: Value, perm: readonly number[]): Value {
  if (perm.every((axis, i) => axis === i)) return x;
  const shape = perm.map((axis) => x.shape[axis] ?? 1);
  if (trace.optimize) {
    const number = splatOf(x);
    if (number !== undefined) return splat(trace, number, shape, x.dtype);
    const { op, inputs } = x.node;
    if (op.kind === 'transpose' && inputs[0]) {
      return transpose(
        trace,
        inputs[0],
        perm.map((axis) => op.perm[axis] ?? 0),
      );
    }
  }
  return add1(trace, { kind: 'transpose', perm }, [x], { shape, dtype: x.dtype });
}

/** A reduction over `axes`, such as ReduceSum. */
export function reduce(trace: Trace, op: string, x: Value, axes: readonly number[], keepDims = false): Value {
  if (axes.length === 0) return x;
  const kept = x.shape.map((dim, i) => (axes.includes(i) ? 1 : dim));
  const shape = keepDims ? kept : x.shape.filter((_, i) => !axes.includes(i));
  if (trace.optimize) {
    if (sameShape(kept, x.shape)) return reshape(trace, x, shape);
    const number = splatOf(x);
    const count = sizeOf(x.shape) / sizeOf(kept);
    if (number !== undefined && op === 'ReduceSum') return splat(trace, number * count, shape, x.dtype);
    if (number !== undefined && op !== 'ReduceProd') return splat(trace, number, shape, x.dtype);
  }
  return add1(trace, { kind: 'reduce', op, axes, keepDims }, [x], { shape, dtype: x.dtype });
}

export function concat(trace: Trace, parts: readonly Value[], axis: number): Value {
  const full = parts.filter((part) => sizeOf(part.shape) > 0);
  const [first] = full.length > 0 ? full : parts;
  if (!first) throw new Error('internal: concat of nothing');
  if (full.length <= 1) return first;
  const total = full.reduce((sum, part) => sum + (part.shape[axis] ?? 0), 0);
  const shape = first.shape.map((dim, i) => (i === axis ? total : dim));
  return add1(trace, { kind: 'concat', axis }, full, { shape, dtype: first.dtype });
}

/** `size` values along each axis from `begin` on, `strides` apart. */
export function slice(
  trace: Trace,
  x: Value,
  begin: readonly number[],
  size: readonly number[],
  strides: readonly number[] = begin.map(() => 1),
): Value {
  if (sameShape(size, x.shape) && strides.every((stride, i) => stride === 1 || (size[i] === 1 && stride > 0)))
    return x;
  const number = splatOf(x);
  if (trace.optimize && number !== undefined) return splat(trace, number, size, x.dtype);
  return add1(trace, { kind: 'slice', begin, strides }, [x], { shape: size, dtype: x.dtype });
}

export function pad(
  trace: Trace,
  x: Value,
  before: readonly number[],
  after: readonly number[],
  value = 0,
  mode: 'constant' | 'reflect' = 'constant',
): Value {
  const shape = x.shape.map((dim, i) => dim + (before[i] ?? 0) + (after[i] ?? 0));
  if (sameShape(shape, x.shape)) return x;
  if (trace.optimize && splatOf(x) === value) return splat(trace, value, shape, x.dtype);
  return add1(trace, { kind: 'pad', before, after, value, mode }, [x], { shape, dtype: x.dtype });
}

/** Matrix product over the last two axes; leading axes broadcast. */
export function matmul(trace: Trace, a: Value, b: Value, transposeA = false, transposeB = false): Value {
  const rows = a.shape.at(transposeA ? -1 : -2) ?? 1;
  const columns = b.shape.at(transposeB ? -2 : -1) ?? 1;
  const batch = broadcastShape([a.shape.slice(0, -2), b.shape.slice(0, -2)]);
  const shape = [...batch, rows, columns];
  return add1(trace, { kind: 'matmul', transposeA, transposeB }, [a, b], { shape, dtype: a.dtype });
}

/** Any other ONNX op of one output. */
export function onnx(
  trace: Trace,
  op: string,
  inputs: readonly Value[],
  shape: readonly number[],
  dtype: ValueType,
  attributes?: Attributes,
): Value {
  return add1(trace, { kind: 'onnx', op, ...(attributes ? { attributes } : {}) }, inputs, { shape, dtype });
}

export { add, add1, float, int, ints };
