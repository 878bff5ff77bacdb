/**
 * `moonlet/compress`: what of compression needs a running net, data or training.
 *
 * @module moonlet/compress
 */
export { type Budget, type Found, type SearchOptions, search } from './budget.ts';
export {
  type CalibrateOptions,
  type Calibration,
  calibrate,
} from './calibrate.ts';
export { type CalibrationMethod, calibrationMethods, type QuantizedKind, quantizedKinds } from './choices.ts';
export { type Contract, checkContracts, formOf } from './contracts.ts';
export { type Measured, type MeasureOptions, measure } from './measure.ts';
export type { Compressed, CompressOptions, Row } from './options.ts';
export { compress } from './pipeline.ts';
export { type PostTrainingOptions, quantizeByData } from './post-training.ts';
export { type QuantizedFormOptions, quantizedForm } from './quantized-form.ts';
export { keepShared } from './shared-form.ts';
export {
  type CompressStep,
  type CompressStepInput,
  parseSteps,
  printStep,
  type StepName,
  stepNames,
} from './steps.ts';
