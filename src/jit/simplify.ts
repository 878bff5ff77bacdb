/** @file Algebraic simplification of elementwise ops: folds constants and drops neutral elements. */

import { add1, splatOf, type Trace, type Value, type ValueType } from './ir.ts';

const unary: Readonly<Record<string, (x: number) => number>> = {
  Neg: (x) => -x,
  Abs: Math.abs,
  Exp: Math.exp,
  Log: Math.log,
  Sqrt: Math.sqrt,
  Reciprocal: (x) => 1 / x,
  Sign: Math.sign,
  Relu: (x) => Math.max(0, x),
  Floor: Math.floor,
  Ceil: Math.ceil,
  Not: (x) => Number(!x),
  Tanh: Math.tanh,
  Sigmoid: (x) => 1 / (1 + Math.exp(-x)),
};

const binary: Readonly<Record<string, (a: number, b: number) => number>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
  Max: Math.max,
  Min: Math.min,
  Pow: (a, b) => a ** b,
  Greater: (a, b) => Number(a > b),
  GreaterOrEqual: (a, b) => Number(a >= b),
  Less: (a, b) => Number(a < b),
  LessOrEqual: (a, b) => Number(a <= b),
  Equal: (a, b) => Number(a === b),
  And: (a, b) => Number(a && b),
  Or: (a, b) => Number(a || b),
};

/** The value of `op` on `operands` where no node is needed for it: a constant, or one of the operands. */
export function foldMap(
  trace: Trace,
  op: string,
  operands: readonly Value[],
  shape: readonly number[],
  dtype: ValueType,
): Value | undefined {
  const numbers = operands.map(splatOf);
  const [a, b] = numbers;
  const [x, y] = operands;
  const known = (value: number): Value => {
    const data = dtype === 'float32' ? Math.fround(value) : Math.trunc(value);
    return add1(trace, { kind: 'constant', data }, [], { shape, dtype });
  };
  if (operands.length === 1 && a !== undefined && unary[op]) return known(unary[op](a));
  if (operands.length === 2 && a !== undefined && b !== undefined && binary[op])
    return known(binary[op](a, b));
  const whole = (value: Value | undefined): Value | undefined =>
    value && value.shape.length === shape.length && value.shape.every((dim, i) => dim === shape[i])
      ? value
      : undefined;
  if ((op === 'Mul' || op === 'Div') && b === 1) return whole(x);
  if (op === 'Mul' && a === 1) return whole(y);
  if ((op === 'Add' || op === 'Sub') && b === 0) return whole(x); // -0 + 0 is 0: the sign of zero may differ
  if (op === 'Add' && a === 0) return whole(y);
  if (op === 'Pow' && b === 1) return whole(x);
  return undefined;
}
