/** @file Elementwise ops with numpy's broadcasting, and reductions. */

import {
  type Attributes,
  broadcast,
  intOf,
  listOf,
  need,
  type Operands,
  places,
  sizeOf,
  type Tensor,
  tensor,
  zeros,
} from './tensor.ts';

export type OnnxOp = (operands: Operands, attributes: Attributes, outputs: number) => Tensor | Tensor[];

type Scalar = (a: number, b: number, c: number) => number;

/** Ties go to the even number. */
function rounded(x: number): number {
  const low = Math.floor(x);
  return x - low === 0.5 ? low + (low % 2) : Math.round(x);
}

/** 2 / sqrt(pi) exp(-x^2) (x + 2 x^3 / 3 + 4 x^5 / 15 + ...), whose terms have one sign. */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let [term, sum] = [x, x];
  for (let n = 1; n < 200; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

const numeric: Readonly<Record<string, Scalar>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
  Pow: (a, b) => a ** b,
  Mod: (a, b) => a % b,
  Max: (a, b) => Math.max(a, b),
  Min: (a, b) => Math.min(a, b),
  Neg: (a) => -a,
  Abs: (a) => Math.abs(a),
  Sign: (a) => Math.sign(a),
  Exp: (a) => Math.exp(a),
  Log: (a) => Math.log(a),
  Sqrt: (a) => Math.sqrt(a),
  Floor: (a) => Math.floor(a),
  Ceil: (a) => Math.ceil(a),
  Round: rounded,
  Erf: erf,
  Tanh: (a) => Math.tanh(a),
  Sigmoid: (a) => 1 / (1 + Math.exp(-a)),
  Softplus: (a) => Math.log1p(Math.exp(-Math.abs(a))) + Math.max(a, 0),
  Reciprocal: (a) => 1 / a,
  Relu: (a) => Math.max(0, a),
  PRelu: (a, slope) => (a < 0 ? slope * a : a),
  Identity: (a) => a,
};

const truths: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  Greater: (a, b) => a > b,
  GreaterOrEqual: (a, b) => a >= b,
  Less: (a, b) => a < b,
  LessOrEqual: (a, b) => a <= b,
  Equal: (a, b) => a === b,
  And: (a, b) => a !== 0 && b !== 0,
  Or: (a, b) => a !== 0 || b !== 0,
  Xor: (a, b) => (a !== 0) !== (b !== 0),
  Not: (a) => a === 0,
};

export function elementwise(operands: Operands, dtype: Tensor['dtype'], f: Scalar): Tensor {
  const given = operands.filter((operand) => operand !== undefined);
  const shape = broadcast(given.map((operand) => operand.shape));
  const [a, b, c] = operands.map((operand) => operand && places(operand.shape, shape));
  const [x, y, z] = operands;
  const data = zeros(dtype, sizeOf(shape));
  for (let i = 0; i < data.length; i++) {
    data[i] = f(x?.data[a?.[i] ?? 0] ?? 0, y?.data[b?.[i] ?? 0] ?? 0, z?.data[c?.[i] ?? 0] ?? 0);
  }
  return tensor(dtype, shape, data);
}

const typeOf = (operands: Operands): Tensor['dtype'] => need(operands, 0).dtype;

/** Whole numbers divide without a rest, rounded to zero. */
const map =
  (op: string, f: Scalar): OnnxOp =>
  (operands) => {
    const dtype = typeOf(operands);
    const isWhole = op === 'Div' && dtype !== 'float32';
    return elementwise(operands, dtype, isWhole ? (a, b, c) => Math.trunc(f(a, b, c)) : f);
  };

const clip: OnnxOp = (operands) => {
  const [x, low, high] = operands;
  return elementwise([x], typeOf(operands), (a) =>
    Math.min(high?.data[0] ?? Infinity, Math.max(low?.data[0] ?? -Infinity, a)),
  );
};

const cast: OnnxOp = (operands, attributes) => {
  const to = ({ 1: 'float32', 6: 'int32', 7: 'int64', 9: 'bool' } as const)[
    intOf(attributes, 'to', 1) as 1 | 6 | 7 | 9
  ];
  return elementwise(operands, to, (a) =>
    to === 'bool' ? Number(a !== 0) : to === 'float32' ? a : Math.trunc(a),
  );
};

const reducers: Readonly<Record<string, readonly [start: number, f: (sum: number, x: number) => number]>> = {
  ReduceSum: [0, (sum, x) => sum + x],
  ReduceMean: [0, (sum, x) => sum + x],
  ReduceProd: [1, (product, x) => product * x],
  ReduceMax: [-Infinity, Math.max],
  ReduceMin: [Infinity, Math.min],
};

const reduce =
  (op: string): OnnxOp =>
  (operands, attributes) => {
    const x = need(operands, 0);
    const rank = x.shape.length;
    const axes = (operands[1] ? listOf(operands[1]) : x.shape.map((_, axis) => axis)).map((axis) =>
      axis < 0 ? axis + rank : axis,
    );
    const kept = x.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
    const [start, f] = reducers[op] ?? [0, () => Number.NaN];
    const sums = new Float64Array(sizeOf(kept)).fill(start);
    const at = places(kept, x.shape);
    for (let i = 0; i < x.data.length; i++) sums[at[i] ?? 0] = f(sums[at[i] ?? 0] ?? 0, x.data[i] ?? 0);
    const count = op === 'ReduceMean' ? x.data.length / sums.length : 1;
    const shape =
      intOf(attributes, 'keepdims', 1) === 1 ? kept : x.shape.filter((_, axis) => !axes.includes(axis));
    const data = zeros(x.dtype, sums.length);
    for (let i = 0; i < data.length; i++) data[i] = (sums[i] ?? 0) / count;
    return tensor(x.dtype, shape, data);
  };

export const elementwiseOps: Readonly<Record<string, OnnxOp>> = {
  ...Object.fromEntries(Object.entries(numeric).map(([op, f]) => [op, map(op, f)])),
  ...Object.fromEntries(
    Object.entries(truths).map(([op, f]): [string, OnnxOp] => [
      op,
      (operands) => elementwise(operands, 'bool', (a, b) => Number(f(a, b))),
    ]),
  ),
  ...Object.fromEntries(Object.keys(reducers).map((op) => [op, reduce(op)])),
  Clip: clip,
  Cast: cast,
  Where: (operands) => elementwise(operands, need(operands, 1).dtype, (a, b, c) => (a !== 0 ? b : c)),
  HardSigmoid: (operands, attributes) => {
    const [alpha, beta] = [intOf(attributes, 'alpha', 0.2), intOf(attributes, 'beta', 0.5)];
    return elementwise(operands, 'float32', (a) => Math.max(0, Math.min(1, alpha * a + beta)));
  },
  LeakyRelu: (operands, attributes) => {
    const alpha = intOf(attributes, 'alpha', 0.01);
    return elementwise(operands, 'float32', (a) => (a < 0 ? alpha * a : a));
  },
};
