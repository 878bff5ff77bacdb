/**
 * `moonlet/compress`: compression that needs data, training or inference; pure edits are in `moonlet`.
 *
 * @module moonlet/compress
 */
export { type Budget, type Found, type SearchOptions, search } from './budget.ts';
export {
  type CalibrateOptions,
  type Calibration,
  type CalibrationMethod,
  calibrate,
  calibrationMethods,
} from './calibrate.ts';
export { type Contract, checkContracts, formOf } from './contracts.ts';
export { type Measured, type MeasureOptions, measure } from './measure.ts';
export type { Compressed, CompressOptions, Row } from './options.ts';
export { parseSteps, printStep } from './parse-steps.ts';
export { compress } from './pipeline.ts';
export { type PostTrainingOptions, quantizeByData } from './post-training.ts';
export {
  type QuantizedFormOptions,
  type QuantizedKind,
  quantizedForm,
  quantizedKinds,
} from './quantized-form.ts';
export { keepShared } from './shared-form.ts';
export { type CompressStep, type CompressStepInput, type StepName, stepNames } from './step-kinds.ts';
