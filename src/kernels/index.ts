/**
 * @file Ops that tf lacks, or has without a gradient, each as one tf kernel on every backend: grouped and dilated convolution, batch
 * norm in training, pooling with explicit padding. Also corrected gradients for ops of tf whose own gradients are wrong.
 */

export {
  type Attrs,
  axesAttr,
  numberAttr,
  numbersAttr,
  paddingsAttr,
  padsAttr,
  pairAttr,
  rank4,
} from './attributes.ts';
export { conv, convFilterGrad, convInputGrad, type FilterGradAttrs, type InputGradAttrs } from './conv.ts';
export {
  type ConvGeometry,
  convShape,
  type Pads,
  type PoolGeometry,
  places,
  poolShape,
  type Shape4D,
} from './geometry.ts';
export { magnitude } from './magnitude.ts';
export { mendTf } from './mend.ts';
export { batchNorm, type NormAttrs } from './norm.ts';
export { type AvgPoolAttrs, type AvgPoolGradAttrs, avgPool, inverseCounts, maxPool } from './pool.ts';
export { input as kernelInput } from './register.ts';
export { type ResizeOptions, resizeMatrix, upsampleBilinear } from './resize.ts';
export { registerSecondOrder } from './second-order.ts';
export { groupedShape, stockConv, stockPool } from './stock.ts';
export { writtenGradients } from './tf-gradients.ts';
