/**
 * @file Quantization-aware training of weights: the net sees rounded kernels, the gradient goes straight through to the
 * float ones (Jacob et al. 2017, arXiv:1712.05877, section 3; Courbariaux et al. 2015, arXiv:1511.00363). Values between
 * layers are rounded by the graph's own `quantize` ops.
 */
import * as tf from '@tensorflow/tfjs-core';
import { kernelsNamed, scalesOf } from '../edit/index.ts';
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
import type { QuantizedKind } from './choices.ts';

export interface QuantizedFormOptions {
  readonly kind?: QuantizedKind;
  /** Of `integers`, 2 to 8; 8 unless told. */
  readonly bits?: number;
  /** Paths or globs of the layers; all unless told. */
  readonly only?: readonly string[];
  /** Layers that stay in float; for two or three values the first and the last one usually do. */
  readonly except?: readonly string[];
}

/** How one kernel is seen and stored. */
interface Kernel {
  see(weight: tf.Tensor, parameter: (name: string) => tf.Tensor): tf.Tensor;
  store(weight: FloatWeight, parameters: ReadonlyMap<string, Float32Array>): Weight;
  readonly parameters?: ReadonlyMap<string, FloatWeight>;
}

const plain = (weight: Weight): FloatWeight => float(weight.shape, materialize(weight));

/** The form of a net whose kernels are quantized in training. What comes out has them encoded so. */
export function quantizedForm(net: Net, o: QuantizedFormOptions = {}): Form {
  const { kind = 'integers', bits = 8, ...where } = o;
  const kernels = new Map(
    kernelsNamed(net, where).map((key) => {
      const stored = net.weights.get(key) as Weight;
      return [key, kernelOf(key, stored, kind, bits)] as const;
    }),
  );
  return {
    name: kind === 'integers' ? `integers of ${bits} bits` : kind,
    parameters: new Map([...kernels.values()].flatMap((k) => [...(k.parameters ?? [])])),
    through: (key, weight, parameter) => kernels.get(key)?.see(weight, parameter) ?? weight,
    settle: (trained, parameters) => {
      const weights = new Map(trained.weights);
      for (const [key, kernel] of kernels)
        weights.set(key, kernel.store(plain(weights.get(key) as Weight), parameters));
      return { ...trained, weights };
    },
  };
}

function kernelOf(key: WeightKey, stored: Weight, kind: QuantizedKind, bits: number): Kernel {
  switch (kind) {
    case 'integers':
      return integers(stored, bits);
    case 'ternary':
      return { see: (w) => straight(w, ternaryOf), store: ternary };
    case 'binary':
      return { see: (w) => straight(w, binaryOf), store: binary };
    case 'trained-ternary':
      return trainedTernary(key, plain(stored));
  }
}

/** f(w) forward, the identity backward. */
function straight(weight: tf.Tensor, f: (w: tf.Tensor) => tf.Tensor): tf.Tensor {
  const run = tf.customGrad((w) => ({ value: f(w as tf.Tensor), gradFunc: (dy: tf.Tensor) => tf.clone(dy) }));
  return run(weight);
}

/** Scales stand as they are when training begins: those of the codes, where there are codes already. */
function integers(stored: Weight, bits: number): Kernel {
  const codes = stored.encoding === 'sparse' ? stored.values : stored;
  const scales =
    codes.encoding === 'quantized' && codes.bits === bits
      ? codes.scales
      : scalesOf(plain(stored), bits, 'channel', bits > 4 ? 'max' : 'mse');
  const top = levelsOf(bits);
  return {
    see: (weight) => {
      const steps = (): tf.Tensor => tf.tensor1d(scales);
      const run = tf.customGrad((w, save) => {
        (save as (tensors: tf.Tensor[]) => void)([w as tf.Tensor]);
        const codes = tf.clipByValue(tf.round(tf.div(w as tf.Tensor, steps())), -top, top);
        return {
          value: tf.mul(codes, steps()),
          gradFunc: (dy: tf.Tensor, [seen]: tf.Tensor[]) => {
            const inside = tf.lessEqual(tf.abs(tf.div(seen as tf.Tensor, steps())), top + 0.5);
            return tf.mul(dy, tf.cast(inside, 'float32'));
          },
        };
      });
      return run(weight);
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
 * Threshold 0.05 max|w| of the kernel as training begins; scales P and N are trained. With I+ and I- the places above and
 * below it:  dP = sum over I+ of g,  dN = - sum over I- of g,  dw = P g on I+, N g on I-, g elsewhere (equations 7 and 8).
 */
function trainedTernary(key: WeightKey, { data }: FloatWeight): Kernel {
  const threshold = 0.05 * data.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  const [plus, minus] = [`${key}/positive`, `${key}/negative`];
  const mean = (side: 1 | -1): Float32Array => {
    const there = data.filter((v) => side * v > threshold);
    return Float32Array.of(there.reduce((sum, v) => sum + Math.abs(v), 0) / Math.max(1, there.length));
  };
  return {
    parameters: new Map([
      [plus, float([1], mean(1))],
      [minus, float([1], mean(-1))],
    ]),
    see: (weight, parameter) => {
      const run = tf.customGrad((w, p, n, save) => {
        (save as unknown as (tensors: tf.Tensor[]) => void)([w, p, n] as tf.Tensor[]);
        const [above, below] = sides(w as tf.Tensor, threshold);
        return {
          value: tf.sub(tf.mul(above, p as tf.Tensor), tf.mul(below, n as tf.Tensor)),
          gradFunc: (dy: tf.Tensor, [sw, sp, sn]: tf.Tensor[]) => {
            const [high, low] = sides(sw as tf.Tensor, threshold);
            const rest = tf.sub(tf.sub(1, high), low);
            const share = tf.add(tf.add(tf.mul(high, sp as tf.Tensor), tf.mul(low, sn as tf.Tensor)), rest);
            const sum = (t: tf.Tensor): tf.Tensor => tf.reshape(tf.sum(tf.mul(dy, t)), [1]);
            return [tf.mul(dy, share), sum(high), tf.neg(sum(low))];
          },
        };
      });
      return run(weight, parameter(plus), parameter(minus));
    },
    store: (weight, parameters) =>
      ternaryBy(
        weight,
        (p) => Math.abs(weight.data[p] as number) > threshold,
        parameters.get(plus) as Float32Array,
        parameters.get(minus) as Float32Array,
      ),
  };
}

const sides = (w: tf.Tensor, threshold: number): readonly [tf.Tensor, tf.Tensor] => [
  tf.cast(tf.greater(w, threshold), 'float32'),
  tf.cast(tf.less(w, -threshold), 'float32'),
];
