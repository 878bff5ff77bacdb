/**
 * @file Batch norm by the batch's own statistics on `FusedBatchNormV3`, whose fourth and fifth outputs are the mean and
 * the biased variance that its gradient wants back. (Its second and third are for running averages, the variance unbiased.)
 */
import * as tf from '@tensorflow/tfjs-core';
import { floatType, type Kernel, op } from './ops.ts';

interface NormAttrs {
  readonly eps: number;
}

/** Vectors [b, c] count as maps of one place. */
const asMap = (x: tf.Tensor): tf.Tensor =>
  x.rank === 2 ? tf.reshape(x, [x.shape[0] as number, 1, 1, x.shape[1] as number]) : x;

const attrsOf = ({ eps }: NormAttrs) => ({
  epsilon: { float: eps },
  data_format: 'NHWC',
  is_training: true,
  U: { type: floatType() },
});

export const normalize: Kernel<NormAttrs> = ({ x, gamma, beta }, attrs) => {
  const map = x as tf.Tensor;
  const none = tf.zeros([0]);
  const inputs = [asMap(map), gamma as tf.Tensor, beta as tf.Tensor, none, none];
  const [y, , , mean, variance] = op(
    'FusedBatchNormV3',
    inputs,
    { ...attrsOf(attrs), exponential_avg_factor: { float: 1 } },
    6,
  );
  return [tf.reshape(y as tf.Tensor, map.shape), mean as tf.Tensor, variance as tf.Tensor];
};

export const normalizeGrad: Kernel<NormAttrs> = ({ dy, x, gamma, mean, variance }, attrs) => {
  const map = x as tf.Tensor;
  const vectors = [gamma, mean, variance] as tf.Tensor[];
  const inputs = [asMap(dy as tf.Tensor), asMap(map), ...vectors, tf.zeros([0])];
  const [dx, dgamma, dbeta] = op('FusedBatchNormGradV3', inputs, attrsOf(attrs), 5);
  return [tf.reshape(dx as tf.Tensor, map.shape), dgamma as tf.Tensor, dbeta as tf.Tensor];
};
