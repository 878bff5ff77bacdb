/**
 * @file The gradients of tf's own convs that its wasm backend lacks, computed by our convs. Without them, tf.layers models with convs
 * cannot be trained on wasm.
 */
import * as tf from '@tensorflow/tfjs-core';
import { type Attrs, numbersAttr, rank4, shape4 } from './attributes.ts';
import { convFilterGrad, convInputGrad } from './conv.ts';
import { input, type KernelCall } from './register.ts';
import { groupedShape, stockConv } from './stock.ts';

type Compute = (inputs: KernelCall<unknown>['inputs'], attrs: Attrs) => tf.Tensor;

const filterGrad =
  (depthwise: boolean): Compute =>
  (inputs, attrs) => {
    const [x, dy] = [rank4(input(inputs, 'x')), rank4(input(inputs, 'dy'))];
    const filterShape = shape4(numbersAttr(attrs, 'filterShape'));
    const geometry = stockConv(attrs, x.shape, filterShape, depthwise);
    const shape = depthwise ? groupedShape(filterShape) : filterShape;
    return tf.reshape(convFilterGrad(x, dy, geometry, shape), filterShape);
  };

const depthwiseInputGrad: Compute = (inputs, attrs) => {
  const [dy, kernel] = [rank4(input(inputs, 'dy')), rank4(input(inputs, 'filter'))];
  const inputShape = numbersAttr(attrs, 'inputShape');
  const geometry = stockConv(attrs, inputShape, kernel.shape, true);
  const grouped = tf.reshape<tf.Rank.R4>(kernel, groupedShape(kernel.shape));
  return convInputGrad(dy, grouped, geometry, inputShape);
};

const kernelFunc =
  (compute: Compute): tf.KernelFunc =>
  ({ inputs, attrs }) =>
    tf.tidy(() => compute(inputs, attrs ?? {}));

/** By tf's name of the kernel. */
export const stockConvGrads: Readonly<Record<string, tf.KernelFunc>> = {
  Conv2DBackpropFilter: kernelFunc(filterGrad(false)),
  DepthwiseConv2dNativeBackpropFilter: kernelFunc(filterGrad(true)),
  DepthwiseConv2dNativeBackpropInput: kernelFunc(depthwiseInputGrad),
};
