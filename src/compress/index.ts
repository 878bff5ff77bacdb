/**
 * `moonlet/compress`: compression that needs data, training or inference; pure edits are in `moonlet`.
 *
 * @module moonlet/compress
 */

export { unpackCompact } from '../weights/index.ts';
export { type Budget, type Found, type SearchOptions, search } from './budget.ts';
export {
  type CalibrateOptions,
  type Calibration,
  calibrate,
} from './calibrate.ts';
export { type CalibrationMethod, calibrationMethods, type QuantizedKind, quantizedKinds } from './choices.ts';
export { formOf } from './contract-form.ts';
export { type Contract, checkContracts } from './contracts.ts';
export { inputBatches } from './examples.ts';
export { type LearnedStepsOptions, learnedSteps } from './learned-steps.ts';
export { type Measured, type MeasureOptions, measure } from './measure.ts';
export {
  type KernelChoice,
  type MixedPrecision,
  type MixedPrecisionOptions,
  mixedPrecision,
} from './mixed-precision.ts';
export type { Compressed, CompressOptions, Row } from './options.ts';
export { parseSteps, printStep } from './parse-steps.ts';
export { compress } from './pipeline.ts';
export {
  type PostTrainingOptions,
  quantizeByData,
  quantizeToLatency,
  type WithinLatency,
} from './post-training.ts';
export { type QuantizationSensitivity, quantizationSensitivity } from './quantization-sensitivity.ts';
export { type QuantizedFormOptions, quantizedForm } from './quantized-form.ts';
export type { Sensitivity } from './sensitivity.ts';
export { keepShared } from './shared-form.ts';
export { type CompressStep, type CompressStepInput, type StepName, stepNames } from './step-kinds.ts';
