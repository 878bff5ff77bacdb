/**
 * @file Batch norm with the statistics of the batch, and its gradient, each as one tf kernel.
 *
 * With m the count of values per channel, xhat = (x - mean)/sqrt(var + eps), y = gamma xhat + beta:
 *   dbeta = sum dy,  dgamma = sum dy xhat,  dx = gamma/sqrt(var + eps) (dy - dbeta/m - xhat dgamma/m).
 * (Ioffe and Szegedy, 2015, arXiv:1502.03167.)
 */

import * as tf from '@tensorflow/tfjs-core';
import { MoonletError } from '../errors.ts';
import { rank1 } from './attributes.ts';
import { type GradientCall, input, type KernelSpec, run } from './register.ts';

export interface NormAttrs {
  readonly eps: number;
}

/**
 * Batch norm of `x`, `[b, c]` or `[b, h, w, c]`, with the mean and the biased variance of each channel of x. `y` has the shape of x;
 * `mean` and `variance` are `[channels]`.
 *
 * `gamma` and `beta` are `[channels]`; by default 1 and 0. No gradient flows through `mean` and `variance`, which are for running
 * averages.
 *
 * @throws MoonletError when x is of another rank, or gamma or beta does not have one value per channel.
 */
export function batchNorm(
  x: tf.Tensor,
  gamma: tf.Tensor1D | undefined,
  beta: tf.Tensor1D | undefined,
  eps: number,
): { y: tf.Tensor; mean: tf.Tensor1D; variance: tf.Tensor1D } {
  const channels = x.shape.at(-1) ?? 0;
  if (x.rank !== 2 && x.rank !== 4) {
    throw new MoonletError(`batchNorm([${x.shape.join(', ')}]): rank ${x.rank}; give [b, c] or [b, h, w, c]`);
  }
  for (const [name, vector] of [
    ['gamma', gamma],
    ['beta', beta],
  ] as const) {
    if (vector && (vector.rank !== 1 || vector.shape[0] !== channels)) {
      const got = vector.shape.join(', ');
      throw new MoonletError(
        `batchNorm([${x.shape.join(', ')}]): ${name} has shape [${got}]; give one value for each of ${channels} channels`,
      );
    }
  }
  return tf.tidy(() => {
    const scale = gamma ?? tf.ones([channels]);
    const shift = beta ?? tf.zeros([channels]);
    const [y, mean, variance] = run(normKernel, { x, gamma: scale, beta: shift }, { eps });
    if (!y) throw new Error('internal: batchNorm has no output');
    return { y, mean: rank1(mean), variance: rank1(variance) };
  });
}

const batchAxes = (x: tf.Tensor): number[] => (x.rank === 2 ? [0] : [0, 1, 2]);

const normKernel: KernelSpec<NormAttrs> = {
  name: 'MoonletBatchNorm',
  compute: ({ inputs, attrs }) => {
    const x = input(inputs, 'x');
    const mean = tf.mean(x, batchAxes(x));
    const centred = tf.sub(x, mean);
    const variance = tf.mean(tf.square(centred), batchAxes(x));
    const scale = tf.mul(input(inputs, 'gamma'), tf.rsqrt(tf.add(variance, attrs.eps)));
    return [tf.add(tf.mul(centred, scale), input(inputs, 'beta')), mean, variance];
  },
  saveInputs: ['x', 'gamma'],
  saveOutputs: [undefined, 'mean', 'variance'],
  gradient: ({ dy, saved, attrs }) => {
    const statistics = { mean: saved('mean'), variance: saved('variance') };
    // computed here and not in the functions below, since tf runs each of those in a tidy of its own
    const grads = run(normGradKernel, { dy, x: saved('x'), gamma: saved('gamma'), ...statistics }, attrs);
    const [dx, dgamma, dbeta] = grads;
    if (!dx || !dgamma || !dbeta) throw new Error(`internal: a norm has ${grads.length} gradients`);
    return { x: () => tf.clone(dx), gamma: () => tf.clone(dgamma), beta: () => tf.clone(dbeta) };
  },
};

const normGradKernel: KernelSpec<NormAttrs> = {
  name: 'MoonletBatchNormGrad',
  compute: ({ inputs, attrs }) => {
    const [dy, x, gamma] = [input(inputs, 'dy'), input(inputs, 'x'), input(inputs, 'gamma')];
    return normGrad(dy, x, gamma, input(inputs, 'mean'), input(inputs, 'variance'), attrs.eps);
  },
  saveInputs: ['dy', 'x', 'gamma'],
  gradient: secondGradient,
};

/**
 * The gradient of <u, dx> + <v, dgamma> + <w, dbeta> in dy, gamma and x (through the statistics as well).
 *
 * With s = 1/sqrt(var + eps), P z = z - mean z - xhat mean(z xhat), a projection, a = sum u xhat, b = sum dy
 * xhat:
 *   dx = gamma s P dy, so in dy: gamma s P u + v xhat + w, and in gamma: s <u, P dy>;
 *   q = v dy - gamma s (b u + a dy)/m is the gradient in xhat, and in x: s P q - gamma s^2 <u, P dy> xhat/m.
 */
function secondGradient({ dys, saved, attrs }: GradientCall<NormAttrs>): Record<string, () => tf.Tensor> {
  const [u, v, w] = dys;
  if (!u || !v || !w) throw new Error(`internal: ${dys.length} gradients of a norm's three`);
  const [dy, x, gamma] = [saved('dy'), saved('x'), saved('gamma')];
  const axes = batchAxes(x);
  const count = x.size / (x.shape.at(-1) ?? 1);
  const sum = (z: tf.Tensor): tf.Tensor => tf.sum(z, axes);
  const centred = tf.sub(x, tf.mean(x, axes));
  const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), axes), attrs.eps));
  const hat = tf.mul(centred, inverse);
  const project = (z: tf.Tensor): tf.Tensor =>
    tf.sub(tf.sub(z, tf.mean(z, axes)), tf.mul(hat, tf.mean(tf.mul(z, hat), axes)));
  const scale = tf.mul(gamma, inverse);
  const inGamma = (): tf.Tensor => tf.mul(inverse, sum(tf.mul(u, project(dy))));
  return {
    dy: () => tf.add(tf.add(tf.mul(scale, project(u)), tf.mul(v, hat)), w),
    x: () => {
      const shared = tf.div(scale, count);
      const mixed = tf.add(tf.mul(u, sum(tf.mul(dy, hat))), tf.mul(dy, sum(tf.mul(u, hat))));
      const q = tf.sub(tf.mul(v, dy), tf.mul(shared, mixed));
      return tf.sub(tf.mul(inverse, project(q)), tf.mul(tf.mul(shared, inGamma()), hat));
    },
    gamma: inGamma,
    // x's gradient includes theirs
    mean: () => tf.zerosLike(gamma),
    variance: () => tf.zerosLike(gamma),
  };
}

function normGrad(
  dy: tf.Tensor,
  x: tf.Tensor,
  gamma: tf.Tensor,
  mean: tf.Tensor,
  variance: tf.Tensor,
  eps: number,
): tf.Tensor[] {
  const count = x.size / (x.shape.at(-1) ?? 1);
  const inverse = tf.rsqrt(tf.add(variance, eps));
  const hat = tf.mul(tf.sub(x, mean), inverse);
  const dbeta = tf.sum(dy, batchAxes(x));
  const dgamma = tf.sum(tf.mul(dy, hat), batchAxes(x));
  const centred = tf.sub(tf.sub(dy, tf.div(dbeta, count)), tf.mul(hat, tf.div(dgamma, count)));
  return [tf.mul(centred, tf.mul(gamma, inverse)), dgamma, dbeta];
}
