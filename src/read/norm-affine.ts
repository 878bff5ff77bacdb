/** @file What a batch norm does in inference: an affine map of each channel. */
import { defined } from '../access.ts';
import type { Slot } from '../graph/index.ts';
import { materialize, type Weight } from '../weights/index.ts';

/** y = scale x + offset, a number for each channel. */
export interface Affine {
  readonly scale: Float64Array;
  readonly offset: Float64Array;
}

/** gamma (x - mean) / sqrt(variance + eps) + beta = scale x + offset. */
export function normAffine(weight: (slot: Slot) => Weight | undefined, eps: number): Affine {
  const values = (slot: Slot): Float32Array | undefined => {
    const stored = weight(slot);
    return stored && materialize(stored);
  };
  const [gamma, beta, mean] = [values('gamma'), values('beta'), defined(values('mean'), 'mean')];
  const variance = defined(values('variance'), 'variance');
  const scale = Float64Array.from(variance, (v, c) => (gamma ? gamma[c]! : 1) / Math.sqrt(v + eps));
  return { scale, offset: scale.map((s, c) => (beta ? beta[c]! : 0) - mean[c]! * s) };
}
