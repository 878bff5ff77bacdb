/** @file What the options of quantization must be. Those of engines are checked where the engine is chosen. */
import { type Check, callback, either, flag, names, number, oneOf, whole } from '../edit/options.ts';
import { quantizeChecks } from '../edit/quantize/quantize.ts';
import { calibrationMethods, quantizedKinds, roundings } from './choices.ts';

const any: Check = { words: 'an option of an engine', holds: () => true };
const engineChecks = { engine: any, threads: any, runtime: any, modelCache: any } as const;

export const calibrateChecks = {
  method: oneOf(...calibrationMethods),
  percentile: number('a percentage above 50 and at most 100', (v) => v > 50 && v <= 100),
  bits: either(whole(2, 8), callback),
  outputs: flag,
  ...engineChecks,
} as const;

const { ranges: _, moments: __, ...ofRounding } = quantizeChecks;
const { bits: ___, ...ofCalibration } = calibrateChecks;
export const postTrainingChecks = {
  ...ofRounding,
  ...ofCalibration,
  equalize: flag,
  even: flag,
  values: flag,
  correct: flag,
  round: oneOf(...roundings),
  unrounded: whole(0),
} as const;

export const quantizedFormChecks = {
  kind: oneOf(...quantizedKinds),
  bits: whole(2, 8),
  only: names,
  except: names,
} as const;
