/**
 * @file Quantization-aware training of weights: the net runs with rounded kernels, and the gradient passes straight through
 * the rounding to the float kernels (Jacob et al. 2017, arXiv:1712.05877, section 3; Courbariaux et al. 2015,
 * arXiv:1511.00363). Values between layers are rounded by the `quantize` ops of the graph.
 */

import * as tf from '@tensorflow/tfjs-core';
import { first, get, item } from '../access.ts';
import { biasesOnSteps, kernelsNamed, scalesOf } from '../edit/index.ts';
import { checkNet, checkOptions } from '../edit/options.ts';
import type { Form } from '../learn/train/index.ts';
import {
  binary,
  type FloatWeight,
  float,
  levelsOf,
  materialize,
  type Net,
  quantized,
  ternary,
  ternaryBy,
  type Weight,
  type WeightKey,
} from '../weights/index.ts';
import { quantizedFormChecks } from './checks.ts';
import type { QuantizedKind } from './choices.ts';
import { customGradient } from './custom-gradient.ts';
import { learnedSteps } from './learned-steps.ts';

export interface QuantizedFormOptions {
  /** `integers` by default; `learned` is `learnedSteps`, whose bits are those of the net. */
  readonly kind?: QuantizedKind;
  /** For `integers`: the bits of the codes, 2 to 8; 8 by default. */
  readonly bits?: number;
  /** Paths or globs of the layers; all by default. */
  readonly only?: readonly string[];
  /** Layers that stay in float; with two or three values the first and the last layer usually do. */
  readonly except?: readonly string[];
}

/** How one kernel is rounded in training and stored after it. */
interface Kernel {
  round(weight: tf.Tensor, parameter: (name: string) => tf.Tensor): tf.Tensor;
  store(weight: FloatWeight, parameters: ReadonlyMap<string, Float32Array>): Weight;
  /** Trained parameters of the rounding, by name. */
  readonly parameters?: ReadonlyMap<string, FloatWeight>;
}

const plain = (weight: Weight): FloatWeight => float(weight.shape, materialize(weight));

/**
 * A form for `fit` that trains through rounded kernels. The trained net has its kernels encoded as rounded.
 *
 * @throws UsageError for options out of range, and for names that match no kernel.
 * @example
 * import { graph, init, input } from 'moonlet';
 * import { quantizedForm } from 'moonlet/compress';
 * const net = init(graph('tiny', input(8, 8, 1).conv(16, { kernel: 3 }).relu().globalPool().dense(4)));
 * quantizedForm(net, { bits: 4, except: ['dense'] }).name; // 'integers of 4 bits'
 */
export function quantizedForm(net: Net, o: QuantizedFormOptions = {}): Form {
  checkNet('quantizedForm', net);
  checkOptions('quantizedForm', o, quantizedFormChecks);
  const { kind = 'integers', bits = 8, ...where } = o;
  if (kind === 'learned') return learnedSteps(net, where);
  const kernels = new Map(
    kernelsNamed(net, where).map((key) => {
      const stored = get(net.weights, key);
      return [key, kernelOf(key, stored, kind, bits)] as const;
    }),
  );
  return {
    name: kind === 'integers' ? `integers of ${bits} bits` : kind,
    parameters: new Map([...kernels.values()].flatMap((k) => [...(k.parameters ?? [])])),
    through: (key, weight, parameter) => kernels.get(key)?.round(weight, parameter) ?? weight,
    settle: (trained, parameters) => {
      const weights = new Map(trained.weights);
      for (const [key, kernel] of kernels)
        weights.set(key, kernel.store(plain(get(weights, key)), parameters));
      return biasesOnSteps({ ...trained, weights });
    },
  };
}

function kernelOf(
  key: WeightKey,
  stored: Weight,
  kind: Exclude<QuantizedKind, 'learned'>,
  bits: number,
): Kernel {
  switch (kind) {
    case 'integers':
      return integers(stored, bits);
    case 'ternary':
      return { round: (w) => straight(w, ternaryOf), store: ternary };
    case 'binary':
      return { round: (w) => straight(w, binaryOf), store: binary };
    case 'trained-ternary':
      return trainedTernary(key, plain(stored));
  }
}

/** f(w) forward, the identity backward. */
function straight(weight: tf.Tensor, f: (w: tf.Tensor) => tf.Tensor): tf.Tensor {
  return customGradient([weight], (inputs) => ({
    value: f(first(inputs)),
    gradFunc: (dy) => tf.clone(dy),
  }));
}

/** Rounds to codes with fixed scales: those of the stored codes, or scales chosen when training begins. */
function integers(stored: Weight, bits: number): Kernel {
  const codes = stored.encoding === 'sparse' ? stored.values : stored;
  const scales =
    codes.encoding === 'quantized' && codes.bits === bits
      ? codes.scales
      : scalesOf(plain(stored), bits, 'channel', bits > 4 ? 'max' : 'mse');
  const top = levelsOf(bits);
  return {
    round: (weight) => {
      const steps = (): tf.Tensor => tf.tensor1d(scales);
      return customGradient([weight], ([...inputs], save) => {
        save(inputs);
        const codes = tf.clipByValue(tf.round(tf.div(first(inputs), steps())), -top, top);
        return {
          value: tf.mul(codes, steps()),
          gradFunc: (dy, saved) => {
            const inside = tf.lessEqual(tf.abs(tf.div(first(saved), steps())), top + 0.5);
            return tf.mul(dy, tf.cast(inside, 'float32'));
          },
        };
      });
    },
    store: (weight) => quantized(weight, { bits, scales }),
  };
}

const axesOf = (w: tf.Tensor): number[] => w.shape.slice(0, -1).map((_, axis) => axis);

/** sign(w) E|w| by channel. */
function binaryOf(w: tf.Tensor): tf.Tensor {
  const sign = tf.sub(tf.mul(tf.cast(tf.greaterEqual(w, 0), 'float32'), 2), 1);
  return tf.mul(sign, tf.mean(tf.abs(w), axesOf(w)));
}

/** Above 0.7 E|w|: sign times the mean magnitude above it, by channel. */
function ternaryOf(w: tf.Tensor): tf.Tensor {
  const size = tf.abs(w);
  const above = tf.cast(tf.greater(size, tf.mul(tf.mean(size, axesOf(w)), 0.7)), 'float32');
  const count = tf.maximum(tf.sum(above, axesOf(w)), 1);
  const scale = tf.div(tf.sum(tf.mul(size, above), axesOf(w)), count);
  return tf.mul(tf.mul(tf.sign(w), above), scale);
}

/**
 * The threshold is 0.05 max|w| of the kernel when training begins; the scales P and N are trained. With I+ and I- the
 * positions above and below it:  dP = sum over I+ of g,  dN = - sum over I- of g,  dw = P g on I+, N g on I-, g elsewhere (equations 7 and 8).
 * dP and dN are divided by the square root of the number of weights, as LSQ does for its steps: a scale moves all of its weights at once,
 * and the plain sum makes training diverge at rates that suit the weights.
 */
function trainedTernary(key: WeightKey, { data }: FloatWeight): Kernel {
  const threshold = 0.05 * data.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  const [plus, minus] = [`${key}/positive`, `${key}/negative`];
  const mean = (side: 1 | -1): Float32Array => {
    const beyond = data.filter((v) => side * v > threshold);
    return Float32Array.of(beyond.reduce((sum, v) => sum + Math.abs(v), 0) / Math.max(1, beyond.length));
  };
  return {
    parameters: new Map([
      [plus, float([1], mean(1))],
      [minus, float([1], mean(-1))],
    ]),
    round: (weight, parameter) =>
      customGradient([weight, parameter(plus), parameter(minus)], ([...inputs], save) => {
        save(inputs);
        const [w, p, n] = threeOf(inputs);
        const [above, below] = sides(w, threshold);
        return {
          value: tf.sub(tf.mul(above, p), tf.mul(below, n)),
          gradFunc: (dy, saved) => {
            const [sw, sp, sn] = threeOf(saved);
            const [high, low] = sides(sw, threshold);
            const rest = tf.sub(tf.sub(1, high), low);
            const share = tf.add(tf.add(tf.mul(high, sp), tf.mul(low, sn)), rest);
            const sum = (t: tf.Tensor): tf.Tensor =>
              tf.reshape(tf.mul(tf.sum(tf.mul(dy, t)), 1 / Math.sqrt(sw.size)), [1]);
            return [tf.mul(dy, share), sum(high), tf.neg(sum(low))];
          },
        };
      }),
    store: (weight, parameters) =>
      ternaryBy(
        weight,
        (p) => Math.abs(weight.data[p]!) > threshold,
        get(parameters, plus),
        get(parameters, minus),
      ),
  };
}

/** The kernel and its two scales. */
const threeOf = (tensors: readonly tf.Tensor[]): readonly [tf.Tensor, tf.Tensor, tf.Tensor] => [
  item(tensors, 0),
  item(tensors, 1),
  item(tensors, 2),
];

/** 1 above the threshold, and 1 below its negative. */
const sides = (w: tf.Tensor, threshold: number): readonly [tf.Tensor, tf.Tensor] => [
  tf.cast(tf.greater(w, threshold), 'float32'),
  tf.cast(tf.less(w, -threshold), 'float32'),
];
