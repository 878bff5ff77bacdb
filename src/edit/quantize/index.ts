/** @file The public names of quantization: rounding, and edits that reduce its error. */
export { biasesOnSteps, withoutMeanError } from './biases.ts';
export { type Bits, type BitsOptions, bitsIn, isCoded, kernelBits } from './bits.ts';
export { correctBias } from './correct.ts';
export { type EqualizedPair, type EqualizeOptions, equalize, pairsOf } from './equalize.ts';
export { evenChannels } from './even-channels.ts';
export { type FeedbackOptions, type Moments, roundWithFeedback } from './feedback.ts';
export { depthwiseIds, endsOf, layersOf } from './layers.ts';
export { places, valuesToCalibrate } from './places.ts';
export {
  checkUnrounded,
  type QuantizeOptions,
  quantize,
  type Range,
  scalesOf,
  stepsOf,
} from './quantize.ts';
