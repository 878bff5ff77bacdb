/**
 * @file The exponential moving average (EMA) of a run's weights: a_t = d_t a_(t-1) + (1 - d_t) w_t after each step, for trained
 * weights and for the running statistics of norms alike, as timm's ModelEmaV3 averages parameters and buffers. It begins with
 * the weights after the first step (d_1 = 0), as in timm and in PyTorch's AveragedModel.
 */
import { checkNumber } from '../options.ts';

export interface AverageOptions {
  /** d, the share of the average that a step keeps, such as 0.999; below 1. */
  readonly decay: number;
  /**
   * Begins with smaller shares, so that a short run is not dominated by its first weights: d_t = min(decay, 1 - t^(-2/3)), timm's
   * warm-up (`--model-ema-warmup`). False by default.
   */
  readonly warmup?: boolean;
}
/** A decay alone, or with options. */
export type Average = number | AverageOptions;

export const averageOf = (average: Average): Required<AverageOptions> =>
  typeof average === 'number' ? { decay: average, warmup: false } : { warmup: false, ...average };

/** @throws UsageError for a decay that is not from 0 up and below 1. */
export function checkAverage(average: Average): void {
  const { decay } = averageOf(average);
  checkNumber('ema', decay, { least: 0, most: 1 - 2 ** -24 });
}

/** d_t, the share of the average that a step keeps, in double precision. @param step counted from 1. */
export function averageAt(average: Average, step: number): number {
  const { decay, warmup } = averageOf(average);
  const largest = warmup ? 1 - step ** (-2 / 3) : decay;
  return step <= 1 ? 0 : Math.min(decay, largest);
}
