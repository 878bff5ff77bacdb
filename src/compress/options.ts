/** @file The options, rows and results of compression. */

import type { Dataset } from '../data/in-memory.ts';
import type { StepReport } from '../learn/train/index.ts';
import type { Net } from '../weights/index.ts';
import type { Measured, MeasureOptions } from './measure.ts';

/** How many training examples are held out, fewer than there are. */
export const heldOutOf = (data: Dataset, { heldOut }: { readonly heldOut?: number }): number => {
  const { count } = data.train;
  return Math.min(heldOut ?? Math.min(1000, Math.floor(count / 10)), count - 1);
};

export interface CompressOptions extends MeasureOptions {
  /** The training split trains and calibrates, the test split measures. */
  readonly data?: Dataset;
  /** Training examples held out of training and calibration; by default a tenth of them, at most 1,000. */
  readonly heldOut?: number;
  /** Of the held-out and calibration examples and of training; 0 by default. */
  readonly seed?: number;
  /** Called when a step is done and measured. */
  readonly onStep?: (row: Row) => void;
  /** Called after each training step. */
  readonly onTraining?: (report: StepReport) => void;
  /** Called with the number of layers fitted by least squares, and the number of all. */
  readonly onReconstruct?: (done: number, total: number) => void;
}

/** The measurements after a step; the first row is the original net. */
export interface Row extends Measured {
  /** The step in words; 'original' in the first row. */
  readonly step: string;
}

export interface Compressed {
  readonly net: Net;
  readonly rows: readonly Row[];
  /** The compact file, when the last step is `huffman`. */
  readonly file?: Uint8Array;
}
