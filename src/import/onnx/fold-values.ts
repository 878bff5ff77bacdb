/** @file Makes constants, and broadcasts them. */
import type { OnnxDtype } from '../../onnx/index.ts';
import type { Call } from './call.ts';
import { type Constant, countOf, dataOf, later } from './constant.ts';
import { anyBatch } from './view.ts';

/** Computes the outputs of a node from constants. */
export type Fold = (call: Call) => readonly Constant[];

/** A constant that is the same for every image has one, which is repeated for every batch. */
export const ofOneImage = (shape: readonly number[]): readonly number[] =>
  shape.map((dim, i) => (i === 0 && dim === anyBatch ? 1 : dim));

/** The most values of a computed constant; larger ones are a fault of the file. */
export const mostValues = 2 ** 22;

export const make = (
  call: Call,
  dtype: OnnxDtype,
  shape: readonly number[],
  values: readonly number[],
): Constant => {
  if (values.length !== countOf(shape))
    return call.fail(`computes ${values.length} values for the shape [${shape.join(', ')}]`);
  return { kind: 'constant', dtype, shape, data: dataOf(dtype, values) };
};

/** The same values in another shape. */
export function viewed(call: Call, constant: Constant, shape: readonly number[]): readonly [Constant] {
  if (countOf(shape) !== countOf(constant.shape))
    call.fail(`reshapes [${constant.shape.join(', ')}] to [${shape.join(', ')}]`);
  const { kind, dtype, name } = constant;
  const rest = { kind, dtype, shape, ...(name === undefined ? {} : { name }) };
  return [later(rest, () => constant.data)];
}

/** Which value of an operand each value of a result of this shape reads, by broadcasting. */
export function broadcast(shape: readonly number[], to: readonly number[]): (i: number) => number {
  const rank = to.length;
  const strides = to.map((_, axis) => {
    const own = axis - rank + shape.length;
    return own < 0 || shape[own] === 1 ? 0 : countOf(shape.slice(own + 1));
  });
  const sizes = to.map((_, axis) => countOf(to.slice(axis + 1)));
  return (i) =>
    to.reduce(
      (place, dim, axis) => place + (Math.floor(i / (sizes[axis] ?? 1)) % dim) * (strides[axis] ?? 0),
      0,
    );
}
export function joint(call: Call, shapes: readonly (readonly number[])[]): readonly number[] {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  const dims = Array.from({ length: rank }, (_, axis) =>
    shapes.reduce((dim, shape) => {
      const own = shape[axis - rank + shape.length] ?? 1;
      if (dim !== 1 && own !== 1 && own !== dim)
        call.fail(`shapes ${shapes.map((s) => `[${s.join(', ')}]`).join(' and ')} do not fit`);
      return dim === 1 ? own : dim;
    }, 1),
  );
  const largest = Math.max(mostValues, ...shapes.map(countOf));
  if (countOf(dims) > largest) call.fail(`computes a constant of more than ${mostValues} values`);
  return dims;
}
