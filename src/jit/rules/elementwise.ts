/** @file Elementwise kernels: arithmetic, comparisons, activations. */

import { MoonletError } from '../../errors.ts';
import { valueType } from '../backend.ts';
import { cast, float, map, splat, stepAttributes } from '../build.ts';
import type { Trace, Value } from '../ir.ts';
import { type Call, dtypeAttr, numberAttr, type Rule, type Rules } from '../rule.ts';

const binary =
  (op: string): Rule =>
  ({ trace, in: input }) =>
    map(trace, op, [input('a'), input('b')]);

const unary =
  (op: string): Rule =>
  ({ trace, in: input }) =>
    map(trace, op, [input('x')]);

const number = (trace: Trace, value: number, like: Value): Value => splat(trace, value, [], like.dtype);

/** Integers divide with a floor: (a - a mod b)/b, where mod has the sign of b. */
const floorDiv: Rule = ({ trace, in: input }) => {
  const [a, b] = [input('a'), input('b')];
  if (a.dtype === 'int32') return map(trace, 'Div', [map(trace, 'Sub', [a, map(trace, 'Mod', [a, b])]), b]);
  return map(trace, 'Floor', [map(trace, 'Div', [a, b])]);
};

const mod: Rule = ({ trace, in: input }) => {
  const [a, b] = [input('a'), input('b')];
  if (a.dtype === 'int32') return map(trace, 'Mod', [a, b]);
  const quotient = map(trace, 'Floor', [map(trace, 'Div', [a, b])]);
  return map(trace, 'Sub', [a, map(trace, 'Mul', [quotient, b])]);
};

const square = (trace: Trace, x: Value): Value => map(trace, 'Mul', [x, x]);

/**
 * 1 where x > 0, else 0. On floats it is max(0, min(1, x largest)), with the largest float: one pass on all threads, where a
 * comparison and a cast are two passes, and the cast runs on one thread. It differs from the comparison only below 3e-39.
 */
function isAbove(trace: Trace, x: Value): Value {
  if (x.dtype !== 'float32') return cast(trace, map(trace, 'Greater', [x, number(trace, 0, x)]), x.dtype);
  return map(trace, 'HardSigmoid', [x], stepAttributes);
}

/** 1 where x > 0, else `alpha`. */
const step: Rule = (call) => {
  const { trace } = call;
  const x = call.in('x');
  const alpha = numberAttr(call, 'alpha');
  const above = isAbove(trace, x);
  if (alpha === 0) return above;
  const rest = map(trace, 'Mul', [above, number(trace, 1 - alpha, x)]);
  return map(trace, 'Add', [rest, number(trace, alpha, x)]);
};

export function clip(trace: Trace, x: Value, low: number, high: number): Value {
  return map(trace, 'Clip', [x, number(trace, low, x), number(trace, high, x)]);
}

/** On floats a clip, which is twice as fast in onnxruntime as its Relu. */
const relu = (trace: Trace, x: Value): Value =>
  x.dtype === 'float32' ? clip(trace, x, 0, Infinity) : map(trace, 'Relu', [x]);

/**
 * exp(x) - 1 = tanh(x/2) (exp(x) + 1), which is precise for small x.
 */
function expm1(trace: Trace, x: Value): Value {
  const half = map(trace, 'Tanh', [map(trace, 'Mul', [x, splat(trace, 0.5)])]);
  return map(trace, 'Mul', [half, map(trace, 'Add', [map(trace, 'Exp', [x]), splat(trace, 1)])]);
}

function leakyRelu(trace: Trace, x: Value, alpha: number): Value {
  return map(trace, 'LeakyRelu', [x], { alpha: float(alpha) });
}

/** Applies the activation of one of tf's fused kernels. */
export function activation(call: Call, x: Value): Value {
  const { trace } = call;
  const name = call.attrs['activation'] ?? 'linear';
  switch (name) {
    case 'linear':
      return x;
    case 'relu':
      return relu(trace, x);
    case 'relu6':
      return clip(trace, x, 0, 6);
    case 'elu':
      return map(trace, 'Elu', [x]);
    case 'sigmoid':
      return map(trace, 'Sigmoid', [x]);
    case 'leakyrelu':
      return leakyRelu(trace, x, numberAttr(call, 'leakyreluAlpha'));
    case 'prelu':
      return map(trace, 'PRelu', [x, call.in('preluActivationWeights')]);
  }
  throw new MoonletError(`jit: fused activation ${String(name)} has no rule; apply it as an op of its own`);
}

export const elementwise: Rules = {
  Add: binary('Add'),
  AddN: ({ trace, all }) => all.reduce((sum, x) => map(trace, 'Add', [sum, x])),
  Sub: binary('Sub'),
  Multiply: binary('Mul'),
  RealDiv: ({ trace, in: input }) =>
    map(trace, 'Div', [cast(trace, input('a'), 'float32'), cast(trace, input('b'), 'float32')]),
  FloorDiv: floorDiv,
  Mod: mod,
  Maximum: binary('Max'),
  Minimum: binary('Min'),
  Pow: binary('Pow'),
  SquaredDifference: ({ trace, in: input }) => square(trace, map(trace, 'Sub', [input('a'), input('b')])),
  Greater: binary('Greater'),
  GreaterEqual: binary('GreaterOrEqual'),
  Less: binary('Less'),
  LessEqual: binary('LessOrEqual'),
  Equal: binary('Equal'),
  NotEqual: ({ trace, in: input }) => map(trace, 'Not', [map(trace, 'Equal', [input('a'), input('b')])]),
  LogicalAnd: binary('And'),
  LogicalOr: binary('Or'),
  LogicalNot: unary('Not'),
  LogicalXor: binary('Xor'),
  Select: ({ trace, in: input }) => map(trace, 'Where', [input('condition'), input('t'), input('e')]),
  Cast: (call) => cast(call.trace, call.in('x'), valueType(dtypeAttr(call) ?? 'float32', 'tf.cast')),
  Identity: ({ in: input }) => input('x'),
  Relu: ({ trace, in: input }) => relu(trace, input('x')),
  Relu6: ({ trace, in: input }) => clip(trace, input('x'), 0, 6),
  LeakyRelu: (call) => leakyRelu(call.trace, call.in('x'), numberAttr(call, 'alpha')),
  Prelu: ({ trace, in: input }) => map(trace, 'PRelu', [input('x'), input('alpha')]),
  Elu: unary('Elu'),
  EluGrad: ({ trace, in: input }) => {
    // dy where y > 0, else dy (y + 1): dy (min(y, 0) + 1)
    const low = map(trace, 'Min', [input('y'), splat(trace, 0)]);
    return map(trace, 'Mul', [input('dy'), map(trace, 'Add', [low, splat(trace, 1)])]);
  },
  Selu: unary('Selu'),
  Softplus: unary('Softplus'),
  Sigmoid: unary('Sigmoid'),
  Tanh: unary('Tanh'),
  Exp: unary('Exp'),
  Expm1: ({ trace, in: input }) => expm1(trace, input('x')),
  Log: unary('Log'),
  Log1p: ({ trace, in: input }) => map(trace, 'Log', [map(trace, 'Add', [input('x'), splat(trace, 1)])]),
  Neg: unary('Neg'),
  Abs: unary('Abs'),
  Sqrt: unary('Sqrt'),
  Rsqrt: ({ trace, in: input }) => map(trace, 'Reciprocal', [map(trace, 'Sqrt', [input('x')])]),
  Square: ({ trace, in: input }) => square(trace, input('x')),
  Reciprocal: unary('Reciprocal'),
  Sign: unary('Sign'),
  Step: step,
  Floor: unary('Floor'),
  Ceil: unary('Ceil'),
  Round: unary('Round'),
  ClipByValue: (call) =>
    clip(call.trace, call.in('x'), numberAttr(call, 'clipValueMin'), numberAttr(call, 'clipValueMax')),
  Erf: unary('Erf'),
  Sin: unary('Sin'),
  Cos: unary('Cos'),
  Tan: unary('Tan'),
  Asin: unary('Asin'),
  Acos: unary('Acos'),
  Atan: unary('Atan'),
  Sinh: unary('Sinh'),
  Cosh: unary('Cosh'),
  IsNan: ({ trace, in: input }) => map(trace, 'Not', [map(trace, 'Equal', [input('x'), input('x')])]),
};
