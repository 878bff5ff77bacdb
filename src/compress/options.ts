/** @file What compression takes and gives: options, rows, results. */

import type { Dataset } from '../data/index.ts';
import type { StepReport } from '../learn/train/index.ts';
import type { Net } from '../weights/index.ts';
import type { Measured, MeasureOptions } from './measure.ts';

export interface CompressOptions extends MeasureOptions {
  /** What trains and calibrates (training split) and measures (test split). */
  readonly data?: Dataset;
  /** Training examples held out of training and calibration; 1,000 unless told. */
  readonly heldOut?: number;
  readonly seed?: number;
  /** Called when a step is done and measured. */
  readonly onStep?: (row: Row) => void;
  readonly onTraining?: (at: StepReport) => void;
  /** How many layers are fitted by least squares, of how many. */
  readonly onReconstruct?: (done: number, total: number) => void;
}

/** What a net costs after a step; the first row is the net as it came. */
export interface Row extends Measured {
  readonly step: string;
}

export interface Compressed {
  readonly net: Net;
  readonly rows: readonly Row[];
  /** The compact file, when the last step is `huffman`. */
  readonly file?: Uint8Array;
}
