/**
 * @file The gradients of tf's own convs that its wasm backend lacks, made of our convs: without them, a tf.layers model
 * with convs could not be trained there.
 */
import * as tf from '@tensorflow/tfjs-core';
import { convFilterGrad, convInputGrad } from './conv.ts';
import { groupedShape, type StockAttrs, stockConv } from './stock.ts';

type Inputs = Readonly<Record<string, tf.TensorInfo>>;
type Compute = (inputs: Readonly<Record<string, tf.Tensor4D>>, attrs: StockAttrs) => tf.Tensor;

const filterGrad =
  (depthwise: boolean): Compute =>
  ({ x, dy }, attrs) => {
    const image = x as tf.Tensor4D;
    const filterShape = attrs['filterShape'] as [number, number, number, number];
    const geometry = stockConv(attrs, image.shape, filterShape, depthwise);
    const shape = depthwise ? groupedShape(filterShape) : filterShape;
    return tf.reshape(convFilterGrad(image, dy as tf.Tensor4D, geometry, shape), filterShape);
  };

const depthwiseInputGrad: Compute = ({ dy, filter }, attrs) => {
  const kernel = filter as tf.Tensor4D;
  const inputShape = attrs['inputShape'] as number[];
  const geometry = stockConv(attrs, inputShape, kernel.shape, true);
  const grouped = tf.reshape(kernel, groupedShape(kernel.shape)) as tf.Tensor4D;
  return convInputGrad(dy as tf.Tensor4D, grouped, geometry, inputShape);
};

const kernelFunc =
  (compute: Compute): tf.KernelFunc =>
  ({ inputs, attrs }) =>
    tf.tidy(() => compute(inputs as Inputs as Record<string, tf.Tensor4D>, attrs as unknown as StockAttrs));

/** By tf's name of the kernel. */
export const stockConvGrads: Readonly<Record<string, tf.KernelFunc>> = {
  Conv2DBackpropFilter: kernelFunc(filterGrad(false)),
  DepthwiseConv2dNativeBackpropFilter: kernelFunc(filterGrad(true)),
  DepthwiseConv2dNativeBackpropInput: kernelFunc(depthwiseInputGrad),
};
