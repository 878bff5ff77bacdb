/** @file `moonlet/compress`: what of compression needs a running net, data or training. */
export {
  type CalibrateOptions,
  type Calibration,
  type CalibrationMethod,
  calibrate,
  calibrationMethods,
} from './calibrate.ts';
export { type PostTrainingOptions, quantizeByData } from './post-training.ts';
