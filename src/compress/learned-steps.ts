/**
 * @file Learned step size quantization: the steps of codes are trained with the weights. Esser et al. 2020, arXiv:1902.08153 (LSQ).
 *
 *   y = s clip(round(x / s), -Qn, Qp)                                                  (equations 1 and 2)
 *   dy/ds = round(x / s) - x / s within the range, -Qn below it, Qp above it           (equation 3)
 *
 * The gradient of a step is multiplied by 1 / sqrt(n Qp), with n the number of values that the step rounds (section 2.2).
 */
import * as tf from '@tensorflow/tfjs-core';
import { defined, get } from '../access.ts';
import { biasesOnSteps, kernelsNamed } from '../edit/index.ts';
import { UsageError } from '../errors.ts';
import { codeRange, type Quantize, shapes } from '../graph/index.ts';
import type { Form } from '../learn/train/index.ts';
import {
  dense,
  float,
  levelsOf,
  materialize,
  type Net,
  type QuantizedWeight,
  quantized,
  type WeightKey,
} from '../weights/index.ts';
import { customGradient } from './custom-gradient.ts';

export interface LearnedStepsOptions {
  /** Paths or globs of the layers whose kernels have trained steps; all by default. The others keep their steps. */
  readonly only?: readonly string[];
  readonly except?: readonly string[];
  /** Whether the steps of the values between layers are trained too; true by default. */
  readonly values?: boolean;
}

/** Codes of 8 bits keep their steps: what is left to gain is small, and pairs of codes must fit (see `IntegerForm`). */
const mostBits = 7;

/**
 * A form for `fit` that trains the steps of a quantized net: one for each output channel of a kernel and one for each value between
 * layers of 2 to 7 bits. `net` is one of `quantize` or `quantizeByData`, whose steps are the first ones; the bits are its own.
 * Kernels of 8 bits are trained at fixed steps.
 *
 * @throws UsageError when no kernel of the net has codes, or a name matches none.
 * @example
 * import { graph, init, input, quantize } from 'moonlet';
 * import { learnedSteps } from 'moonlet/compress';
 * const net = init(graph('tiny', input(8, 8, 1).conv(16, { kernel: 3 }).relu().globalPool().dense(4)));
 * const form = learnedSteps(quantize(net, { weights: 3 }));
 * [...(form.parameters?.keys() ?? [])]; // ['conv:kernel/step', 'dense:kernel/step']
 */
export function learnedSteps(net: Net, { values = true, ...where }: LearnedStepsOptions = {}): Form {
  const kernels = new Map(
    kernelsNamed(net, where).flatMap((key) => {
      const codes = dense(get(net.weights, key));
      return codes?.encoding === 'quantized' ? [[key, codes] as const] : [];
    }),
  );
  if (!kernels.size)
    throw new UsageError(
      `${net.graph.name}: no kernel has integer codes, so that there is no step to train; quantize the net first`,
    );
  const shapeById = shapes(net.graph);
  const roundings = new Map(
    net.graph.nodes.flatMap(({ id, op }) =>
      values && op.kind === 'quantize' && op.bits <= mostBits ? [[id, op] as const] : [],
    ),
  );
  const trained = [...kernels].filter(([, { bits }]) => bits <= mostBits);
  return {
    name: `learned steps of ${trained.length} kernels and ${roundings.size} values`,
    constants: { fixed: [...kernels].map(([key, { bits }]) => `${key}: ${bits} bits`) },
    parameters: new Map([
      ...trained.map(([key, { scales }]) => [stepOf(key), float([scales.length], scales)] as const),
      ...[...roundings].map(([id, { scale }]) => [stepOf(id), float([1], Float32Array.of(scale))] as const),
    ]),
    through: (key, weight, parameter) => {
      const codes = kernels.get(key);
      if (!codes) return weight;
      const top = levelsOf(codes.bits);
      const isTrained = codes.bits <= mostBits;
      const steps = isTrained ? parameter(stepOf(key)) : tf.tensor1d(codes.scales);
      const n = weight.size / codes.scales.length;
      return onSteps(weight, steps, { low: -top, high: top, share: isTrained ? gradientShare(n, top) : 0 });
    },
    rounding: (id, op, x, parameter) => {
      if (!roundings.has(id)) return undefined;
      const [low, high] = codeRange(op).map((code) => code - op.zero) as [number, number];
      const n = defined(shapeById.get(id), id).reduce((size, d) => size * d, 1);
      return onSteps(x, parameter(stepOf(id)), { low, high, share: gradientShare(n, Math.max(high, -low)) });
    },
    settle: (now, parameters) => {
      const weights = new Map(now.weights);
      for (const [key, codes] of kernels) weights.set(key, stored(key, codes, now, parameters));
      const nodes = now.graph.nodes.map((n) =>
        n.op.kind === 'quantize' && roundings.has(n.id)
          ? { ...n, op: { ...n.op, scale: positive(get(parameters, stepOf(n.id)))[0]! } satisfies Quantize }
          : n,
      );
      return biasesOnSteps({ graph: { ...now.graph, nodes }, weights });
    },
  };
}

const stepOf = (name: string): string => `${name}/step`;

/** What the gradient of a step is multiplied by. */
const gradientShare = (values: number, top: number): number => 1 / Math.sqrt(values * top);

/**
 * The smallest step. A step counts by its magnitude: one that an update carries past zero, as a gate's can be, would otherwise stay at the
 * smallest step, make all that it rounds zero, and get no gradient that brings it back.
 */
const least = 1e-6;
const positive = (steps: Float32Array): Float32Array => steps.map((s) => Math.max(Math.abs(s), least));
const magnitude = (steps: tf.Tensor): tf.Tensor => tf.maximum(tf.maximum(steps, tf.neg(steps)), least);

/** The kernel on its trained steps, or on the old ones; codes that fitted in pairs still do. */
function stored(
  key: WeightKey,
  codes: QuantizedWeight,
  { weights }: Net,
  parameters: ReadonlyMap<string, Float32Array>,
): QuantizedWeight {
  const weight = get(weights, key);
  const steps = parameters.get(stepOf(key));
  return quantized(float(weight.shape, materialize(weight)), {
    bits: codes.bits,
    scales: steps ? positive(steps) : codes.scales,
  });
}

interface Codes {
  readonly low: number;
  readonly high: number;
  /** What the gradient of the steps is multiplied by; 0 where they are fixed. */
  readonly share: number;
}

/** x rounded to codes `low` to `high` of its steps, [1] or one for each entry of the last axis. */
function onSteps(x: tf.Tensor, steps: tf.Tensor, { low, high, share }: Codes): tf.Tensor {
  return customGradient([x, steps], ([value, step], save) => {
    const [v, raw] = [defined(value, 'value'), defined(step, 'step')];
    const s = magnitude(raw);
    save([v, raw]);
    return {
      value: tf.mul(tf.clipByValue(tf.round(tf.div(v, s)), low, high), s),
      gradFunc: (dy, saved) => {
        const [sv, old] = [defined(saved[0], 'value'), defined(saved[1], 'step')];
        const ss = magnitude(old);
        const scaled = tf.div(sv, ss);
        const inside = tf.cast(
          tf.logicalAnd(tf.greaterEqual(scaled, low), tf.lessEqual(scaled, high)),
          'float32',
        );
        const dx = tf.mul(dy, inside);
        if (share === 0) return [dx, tf.zerosLike(ss)];
        // within the range round(x / s) - x / s, beyond it the code at its end
        const slope = tf.sub(tf.clipByValue(tf.round(scaled), low, high), tf.mul(scaled, inside));
        const lead = sv.shape.slice(0, ss.size === 1 ? undefined : -1).map((_, axis) => axis);
        const ds = tf.reshape(tf.sum(tf.mul(dy, slope), lead), ss.shape);
        const sign = tf.sub(tf.mul(tf.cast(tf.greaterEqual(old, 0), 'float32'), 2), 1);
        return [dx, tf.mul(tf.mul(ds, share), sign)];
      },
    };
  });
}
