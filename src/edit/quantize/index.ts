/** @file Quantization as edits: rounding, and what makes it lose less. */
export { correctBias } from './correct.ts';
export { type EqualizedPair, type EqualizeOptions, equalize, pairsOf } from './equalize.ts';
export { places, valuesToCalibrate } from './places.ts';
export { layersOf, type QuantizeOptions, quantize, type Range, scalesOf, stepsOf } from './quantize.ts';
