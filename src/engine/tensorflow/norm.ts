/**
 * @file Batch norm with the statistics of the batch, by `FusedBatchNormV3`. Its fourth and fifth outputs are the mean and the biased
 * variance, which its gradient reads. (The second and third are for running averages, with the unbiased variance.)
 */
import * as tf from '@tensorflow/tfjs-core';
import { floatType, type Kernel, op } from './ops.ts';

interface NormAttrs {
  readonly eps: number;
}

/** Vectors [b, c] become maps of one place. */
const asMap = (x: tf.Tensor): tf.Tensor => {
  const [batch = 1, channels = 1] = x.shape;
  return x.rank === 2 ? tf.reshape(x, [batch, 1, 1, channels]) : x;
};

const attrsOf = ({ eps }: NormAttrs) => ({
  epsilon: { float: eps },
  data_format: 'NHWC',
  is_training: true,
  U: { type: floatType() },
});

/** The outputs of a norm's op that are read, of which none may be missing. */
function three(...outputs: readonly (tf.Tensor | undefined)[]): [tf.Tensor, tf.Tensor, tf.Tensor] {
  const [a, b, c] = outputs;
  if (!a || !b || !c) throw new Error('internal: a norm of TensorFlow gave too few outputs');
  return [a, b, c];
}

export const normalize: Kernel<NormAttrs> = (input, attrs) => {
  const map = input('x');
  const none = tf.zeros([0]);
  const inputs = [asMap(map), input('gamma'), input('beta'), none, none];
  const outputs = op(
    'FusedBatchNormV3',
    inputs,
    { ...attrsOf(attrs), exponential_avg_factor: { float: 1 } },
    6,
  );
  const [y, mean, variance] = three(outputs[0], outputs[3], outputs[4]);
  return [tf.reshape(y, map.shape), mean, variance];
};

export const normalizeGrad: Kernel<NormAttrs> = (input, attrs) => {
  const map = input('x');
  const vectors = ['gamma', 'mean', 'variance'].map(input);
  const inputs = [asMap(input('dy')), asMap(map), ...vectors, tf.zeros([0])];
  const [dx, dgamma, dbeta] = three(...op('FusedBatchNormGradV3', inputs, attrsOf(attrs), 5));
  return [tf.reshape(dx, map.shape), dgamma, dbeta];
};
