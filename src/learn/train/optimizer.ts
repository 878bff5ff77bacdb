/**
 * @file Optimizers as pure functions of tensors: from a weight, its gradient and its slots to the new weight and
 * slots.
 */

import * as tf from '@tensorflow/tfjs-core';
import type { Follows } from '../../edit/index.ts';
import { checkNumber } from '../options.ts';
import { described } from '../own-function.ts';
import { tensorAt } from '../tensors.ts';

export interface Update {
  readonly weight: tf.Tensor;
  readonly slots: Readonly<Record<string, tf.Tensor>>;
}
export interface Moment {
  /** The learning rate of this step, a scalar tensor: an input, so that a trace does not freeze it. */
  readonly rate: tf.Scalar;
  /** What `numbers` gave for this step, as scalar tensors: inputs likewise. */
  number(name: string): tf.Scalar;
  /** Whether weight decay applies: to kernels, not to norms and biases. */
  readonly decays: boolean;
}
export interface Optimizer {
  readonly name: string;
  /**
   * Numbers within `update` that stand in no other field: a checkpoint of a run with others is refused. Without them its
   * source text is compared.
   */
  readonly constants?: Readonly<Record<string, unknown>>;
  /** Each weight carries one array of its own size under each of these names, zero at first; it follows so when the net grows. */
  readonly slots: Readonly<Record<string, Follows>>;
  /** Numbers that depend on the step, counted from 1: worked out in double precision, outside the trace. */
  numbers(count: number): Readonly<Record<string, number>>;
  update(
    weight: tf.Tensor,
    gradient: tf.Tensor,
    slots: Readonly<Record<string, tf.Tensor>>,
    at: Moment,
  ): Update;
}

export interface SgdOptions {
  /** From 0 to 1; 0.9 by default. */
  readonly momentum?: number;
  readonly nesterov?: boolean;
  /** L2 penalty added to the gradient of kernels. */
  readonly weightDecay?: number;
}
/**
 * g += decay w; v = momentum v + g; w -= rate (nesterov ? g + momentum v : v)
 * (Sutskever et al. 2013, in the form that PyTorch uses: the rate stands outside the velocity).
 * @throws UsageError for numbers out of range.
 *
 * @example
 * import { graph, init, input } from 'moonlet';
 * import { dataset } from 'moonlet/data';
 * import { cosine, fit, sgd } from 'moonlet/learn';
 *
 * const pixels = Uint8Array.from({ length: 32 * 64 }, (_, i) => (i * i) % 251);
 * const labels = Array.from({ length: 32 }, (_, i) => i % 4);
 * const data = dataset({ shape: [8, 8, 1], classes: 4, train: { pixels, labels }, test: { pixels, labels } });
 * const tiny = (channels: number) =>
 *   init(graph('tiny', input(8, 8, 1).pipe('stage1', (x) => x.conv(channels).norm().relu()).globalPool().dense(4)));
 * const optimizer = sgd({ momentum: 0.9, nesterov: true, weightDecay: 5e-4 });
 * const rate = cosine({ steps: 5, peak: 0.1, warmup: 1 });
 * const { finished } = await fit(tiny(8), data.train, data, { steps: 5, batch: 8, optimizer, rate });
 * finished; // true
 */
export function sgd({ momentum = 0.9, nesterov = false, weightDecay = 0 }: SgdOptions = {}): Optimizer {
  checkNumber('momentum', momentum, { least: 0, most: 1 });
  checkNumber('weightDecay', weightDecay, { least: 0 });
  return {
    name: 'sgd',
    constants: { momentum, nesterov, weightDecay },
    slots: momentum ? { velocity: 'weight' } : {},
    numbers: () => ({}),
    update: described(
      (weight, gradient, slots, { rate, decays }) => {
        const g = decays && weightDecay ? tf.add(gradient, tf.mul(weight, weightDecay)) : gradient;
        if (!momentum) return { weight: tf.sub(weight, tf.mul(g, rate)), slots: {} };
        const velocity = tf.add(tf.mul(tensorAt(slots, 'velocity'), momentum), g);
        const move = nesterov ? tf.add(g, tf.mul(velocity, momentum)) : velocity;
        return { weight: tf.sub(weight, tf.mul(move, rate)), slots: { velocity } };
      },
      'sgd',
      { momentum, nesterov, weightDecay },
    ),
  };
}

export interface AdamOptions {
  /** The share of the mean gradient that a step keeps, from 0 up and below 1; 0.9 by default. */
  readonly beta1?: number;
  /** The same of the mean square; 0.999 by default. */
  readonly beta2?: number;
  /** Is added to the root of the mean square, above 0; 1e-8 by default. */
  readonly eps?: number;
  /** Decoupled from the gradient, as AdamW has it (Loshchilov and Hutter 2017, arXiv:1711.05101). */
  readonly weightDecay?: number;
}
/**
 * Adam (Kingma and Ba 2014, arXiv:1412.6980, algorithm 1); with `weightDecay` AdamW.
 * @throws UsageError for numbers out of range.
 *
 * @example
 * import { graph, init, input } from 'moonlet';
 * import { dataset } from 'moonlet/data';
 * import { adam, fit } from 'moonlet/learn';
 *
 * const pixels = Uint8Array.from({ length: 32 * 64 }, (_, i) => (i * i) % 251);
 * const labels = Array.from({ length: 32 }, (_, i) => i % 4);
 * const data = dataset({ shape: [8, 8, 1], classes: 4, train: { pixels, labels }, test: { pixels, labels } });
 * const tiny = (channels: number) =>
 *   init(graph('tiny', input(8, 8, 1).pipe('stage1', (x) => x.conv(channels).norm().relu()).globalPool().dense(4)));
 * const optimizer = adam({ weightDecay: 0.01 });
 * const { finished } = await fit(tiny(8), data.train, data, { steps: 5, batch: 8, optimizer, rate: 0.001 });
 * finished; // true
 */
export function adam({
  beta1 = 0.9,
  beta2 = 0.999,
  eps = 1e-8,
  weightDecay = 0,
}: AdamOptions = {}): Optimizer {
  for (const [name, value] of Object.entries({ beta1, beta2 }))
    checkNumber(name, value, { least: 0, below: 1 }); // 1 - beta divides
  checkNumber('eps', eps, { above: 0 });
  checkNumber('weightDecay', weightDecay, { least: 0 });
  return {
    name: 'adam',
    constants: { beta1, beta2, eps, weightDecay },
    slots: { first: 'gradient', second: 'square' },
    // in float32, 1 - 0.999 alone would be wrong by 1e-5
    numbers: (count) => ({ unbias1: 1 / (1 - beta1 ** count), unbias2: 1 / (1 - beta2 ** count) }),
    update: described(
      (weight, gradient, slots, { rate, number, decays }) => {
        const first = tf.add(tf.mul(tensorAt(slots, 'first'), beta1), tf.mul(gradient, 1 - beta1));
        const second = tf.add(
          tf.mul(tensorAt(slots, 'second'), beta2),
          tf.mul(tf.square(gradient), 1 - beta2),
        );
        const root = tf.add(tf.sqrt(tf.mul(second, number('unbias2'))), eps);
        const move = tf.div(tf.mul(first, number('unbias1')), root);
        const decayed = decays && weightDecay ? tf.mul(weight, tf.sub(1, tf.mul(rate, weightDecay))) : weight;
        return { weight: tf.sub(decayed, tf.mul(move, rate)), slots: { first, second } };
      },
      'adam',
      { beta1, beta2, eps, weightDecay },
    ),
  };
}
