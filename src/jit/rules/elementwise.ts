/** @file Elementwise kernels: arithmetic, comparisons, activations. */

import { MoonletError } from '../../errors.ts';
import { valueType } from '../backend.ts';
import { cast, float, map, splat, stepAttributes } from '../build.ts';
import type { Trace, Value } from '../ir.ts';
import { type Call, dtypeAttr, numberAttr, type Rule, type Rules } from '../rule.ts';

const binary =
  (op: string): Rule =>
  ({ trace, in: at }) =>
    map(trace, op, [at('a'), at('b')]);

const unary =
  (op: string): Rule =>
  ({ trace, in: at }) =>
    map(trace, op, [at('x')]);

const number = (trace: Trace, value: number, like: Value): Value => splat(trace, value, [], like.dtype);

/** Integers divide with a floor: (a - a mod b)/b, where mod has the sign of b. */
const floorDiv: Rule = ({ trace, in: at }) => {
  const [a, b] = [at('a'), at('b')];
  if (a.dtype === 'int32') return map(trace, 'Div', [map(trace, 'Sub', [a, map(trace, 'Mod', [a, b])]), b]);
  return map(trace, 'Floor', [map(trace, 'Div', [a, b])]);
};

const mod: Rule = ({ trace, in: at }) => {
  const [a, b] = [at('a'), at('b')];
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
  RealDiv: ({ trace, in: at }) =>
    map(trace, 'Div', [cast(trace, at('a'), 'float32'), cast(trace, at('b'), 'float32')]),
  FloorDiv: floorDiv,
  Mod: mod,
  Maximum: binary('Max'),
  Minimum: binary('Min'),
  Pow: binary('Pow'),
  SquaredDifference: ({ trace, in: at }) => square(trace, map(trace, 'Sub', [at('a'), at('b')])),
  Greater: binary('Greater'),
  GreaterEqual: binary('GreaterOrEqual'),
  Less: binary('Less'),
  LessEqual: binary('LessOrEqual'),
  Equal: binary('Equal'),
  NotEqual: ({ trace, in: at }) => map(trace, 'Not', [map(trace, 'Equal', [at('a'), at('b')])]),
  LogicalAnd: binary('And'),
  LogicalOr: binary('Or'),
  LogicalNot: unary('Not'),
  LogicalXor: binary('Xor'),
  Select: ({ trace, in: at }) => map(trace, 'Where', [at('condition'), at('t'), at('e')]),
  Cast: (call) => cast(call.trace, call.in('x'), valueType(dtypeAttr(call) ?? 'float32', 'tf.cast')),
  Identity: ({ in: at }) => at('x'),
  Relu: ({ trace, in: at }) => relu(trace, at('x')),
  Relu6: ({ trace, in: at }) => clip(trace, at('x'), 0, 6),
  LeakyRelu: (call) => leakyRelu(call.trace, call.in('x'), numberAttr(call, 'alpha')),
  Prelu: ({ trace, in: at }) => map(trace, 'PRelu', [at('x'), at('alpha')]),
  Elu: unary('Elu'),
  EluGrad: ({ trace, in: at }) => {
    // dy where y > 0, else dy (y + 1): dy (min(y, 0) + 1)
    const low = map(trace, 'Min', [at('y'), splat(trace, 0)]);
    return map(trace, 'Mul', [at('dy'), map(trace, 'Add', [low, splat(trace, 1)])]);
  },
  Selu: unary('Selu'),
  Softplus: unary('Softplus'),
  Sigmoid: unary('Sigmoid'),
  Tanh: unary('Tanh'),
  Exp: unary('Exp'),
  Expm1: ({ trace, in: at }) => expm1(trace, at('x')),
  Log: unary('Log'),
  Log1p: ({ trace, in: at }) => map(trace, 'Log', [map(trace, 'Add', [at('x'), splat(trace, 1)])]),
  Neg: unary('Neg'),
  Abs: unary('Abs'),
  Sqrt: unary('Sqrt'),
  Rsqrt: ({ trace, in: at }) => map(trace, 'Reciprocal', [map(trace, 'Sqrt', [at('x')])]),
  Square: ({ trace, in: at }) => square(trace, at('x')),
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
  IsNan: ({ trace, in: at }) => map(trace, 'Not', [map(trace, 'Equal', [at('x'), at('x')])]),
};
