/** @file Pooling on TensorFlow's CPU ops. `MaxPool` supports explicit padding. `AvgPool` does not, so that the counts are pooled too. */
import * as tf from '@tensorflow/tfjs-core';
import { rank4 } from '../../kernels/index.ts';
import {
  areZero,
  explicitly,
  grown,
  type Kernel,
  op1,
  overImage,
  type Pads,
  padded,
  shapeTensor,
  without,
} from './ops.ts';

interface PoolAttrs {
  readonly size: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly pads: Pads;
}
interface AvgAttrs extends PoolAttrs {
  readonly countPadding: boolean;
}

const window = ({ size, stride }: PoolAttrs) => ({ ksize: overImage(size), strides: overImage(stride) });
const valid = (g: PoolAttrs) => ({ ...window(g), padding: 'VALID', data_format: 'NHWC' });
/** TensorFlow refuses EXPLICIT without pads, so that pads of zero are VALID. */
const anyPadding = (g: PoolAttrs) => (areZero(g.pads) ? valid(g) : { ...window(g), ...explicitly(g.pads) });

export const maximum: Kernel<PoolAttrs> = (input, g) => op1('MaxPool', [input('x')], anyPadding(g));

export const maximumGrad: Kernel<PoolAttrs> = (input, g) =>
  op1('MaxPoolGrad', [input('x'), input('y'), input('dy')], anyPadding(g));

/** The mean over a window whose padding counts. */
const plain = (x: tf.Tensor4D, g: AvgAttrs): tf.Tensor => op1('AvgPool', [padded(x, g.pads)], valid(g));
/** The share of each window that is image and not padding: `[1, oh, ow, 1]`; undefined where all of it counts. */
const share = ([, h = 1, w = 1]: readonly number[], g: AvgAttrs): tf.Tensor | undefined =>
  g.countPadding || areZero(g.pads) ? undefined : plain(tf.ones([1, h, w, 1]), g);

export const average: Kernel<AvgAttrs> = (input, g) => {
  const map = rank4(input('x'));
  const parts = share(map.shape, g);
  return parts ? tf.div(plain(map, g), parts) : plain(map, g);
};

export const averageGrad: Kernel<AvgAttrs & { readonly inputShape: readonly number[] }> = (input, g) => {
  const parts = share(g.inputShape, g);
  const shared = parts ? tf.div<tf.Tensor>(input('dy'), parts) : input('dy');
  const shape = shapeTensor(grown(g.inputShape, g.pads));
  return padded(rank4(op1('AvgPoolGrad', [shape, shared], valid(g))), without(g.pads));
};
