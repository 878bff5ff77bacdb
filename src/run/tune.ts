/** @file The fields of a recipe that say how a net is fine-tuned, and the training options that they stand for. */
import * as z from 'zod';
import type { FitTaskOptions } from '../learn/train/fit.ts';

const count = z.int().min(1).max(100_000_000);
const paths = z.array(z.string().min(1));
/** A number for an average that has only a decay. */
const decayAlone = (value: unknown): unknown => (typeof value === 'number' ? { decay: value } : value);
const ema = z.strictObject({
  /** The share of the average that a step keeps. */
  decay: z.number().min(0).lt(1),
  /** Smaller shares in the first steps: min(decay, 1 - step^(-2/3)). */
  warmup: z.boolean().default(false),
});

/** What a run, or each of its stages, may say. */
export const tuneFields = {
  /** Paths that are trained, the rest is frozen: `head`, `stage3..head`, `stage3/0`. */
  train: paths.min(1).optional(),
  /** Paths that are frozen: `stem`, `stem..stage2`. A stage of a run unfreezes by an empty list. */
  freeze: paths.optional(),
  /** Each part below the head is trained at this share of the rate of the part above it. */
  layerDecay: z.number().positive().max(1).optional(),
  /** Shares of the learning rate by path. */
  rates: z.array(z.strictObject({ paths: paths.min(1), scale: z.number().positive().max(1e6) })).optional(),
  /** A moving average of the weights, which is what is measured and kept. */
  ema: z.preprocess(decayAlone, ema.optional()),
  /** Ends the run after so many evaluations that were not better than the best one. */
  patience: count.optional(),
  /** Steps between evaluations on the held-out examples; by default a tenth of the run. */
  evaluateEvery: count.optional(),
};
const tuned = z.strictObject(tuneFields);
export type Tuned = z.output<typeof tuned>;

/** The input and the classes of a net that begins with trained weights; by default both follow the data. */
export const startFields = {
  /** `from-data`: a new head for the classes of the data. `from-net`: the net keeps its head. By default a new one where they differ. */
  classes: z.enum(['from-data', 'from-net']).optional(),
  /** Channels of the input; the first kernels follow. */
  channels: z.int().min(1).max(4096).optional(),
  /** Height and width of the input. */
  size: z.int().min(1).max(4096).optional(),
};

/** The training options of these fields. */
export function tuneOptions(
  r: Tuned,
): Pick<FitTaskOptions, 'train' | 'freeze' | 'layerDecay' | 'rates' | 'ema' | 'patience' | 'evaluateEvery'> {
  return {
    ...(r.train ? { train: r.train } : {}),
    ...(r.freeze?.length ? { freeze: r.freeze } : {}),
    ...(r.layerDecay === undefined ? {} : { layerDecay: r.layerDecay }),
    ...(r.rates ? { rates: r.rates } : {}),
    ...(r.ema ? { ema: r.ema } : {}),
    ...(r.patience === undefined ? {} : { patience: r.patience }),
    ...(r.evaluateEvery === undefined ? {} : { evaluateEvery: r.evaluateEvery }),
  };
}

/** A stage's own fields put over those of its recipe. */
export const tunedStage = (stage: Tuned): Tuned => {
  const said = Object.entries(stage).filter(([name, value]) => name in tuneFields && value !== undefined);
  return Object.fromEntries(said);
};
