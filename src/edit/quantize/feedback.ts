/**
 * @file Rounding with error feedback. Let e be the rounding errors of the weights of one output channel, and H the
 * covariances of the layer's inputs (the bias corrects the mean error). The squared error in the layer's output is e' H e.
 * With H = L D L', L of unit diagonal, it is the sum over k of D_k (e_k + sum over i > k of L_ik e_i)^2. Weights are rounded
 * from the last input to the first, and each code compensates the errors of those rounded before it. Frantar et al. 2022,
 * arXiv:2210.17323 (GPTQ); in this form Chee et al. 2023, arXiv:2307.13304, section 3.1 (LDLQ).
 */
import { item } from '../../access.ts';
import {
  excess,
  type FloatWeight,
  largestPair,
  levelsOf,
  pairStride,
  type QuantizedWeight,
  roundHalfEven,
  withCodes,
} from '../../weights/index.ts';

/** Statistics of the inputs of one group of a layer: means [k] and covariances [k, k], where k counts kernel taps and inputs. */
export interface Moments {
  readonly mean: Float32Array;
  readonly covariance: Float32Array;
}

export interface FeedbackOptions {
  readonly bits: number;
  /** [channels] or [1]. */
  readonly scales: Float32Array;
  readonly paired: boolean;
  /** What is added to the diagonal, as a share of its mean; 0.01 by default. */
  readonly damping?: number;
}

/** Rounds a kernel [.., inputs, channels] to codes at the given scales. `moments` has one entry for each group. */
export function roundWithFeedback(
  { shape, data }: FloatWeight,
  moments: readonly Moments[],
  { bits, scales, paired, damping = 0.01 }: FeedbackOptions,
): QuantizedWeight {
  const channels = item(shape, -1);
  const rows = data.length / channels;
  const top = levelsOf(bits);
  const codes = new Int8Array(data.length);
  const stride = pairStride(shape);
  const each = channels / moments.length;
  moments.forEach(({ covariance }, group) => {
    const lower = unitFactor(covariance, rows, damping);
    const from = group * each;
    // errors of the rows rounded so far
    const errors = new Float64Array(rows * each);
    const wanted = new Float64Array(each);
    for (let k = rows - 1; k >= 0; k--) {
      for (let c = 0; c < each; c++) wanted[c] = data[k * channels + from + c]!;
      for (let i = k + 1; i < rows; i++) {
        const share = lower[i * rows + k]!;
        if (share === 0) continue;
        for (let c = 0; c < each; c++) wanted[c]! += share * errors[i * each + c]!;
      }
      for (let c = 0; c < each; c++) {
        const p = k * channels + from + c;
        const scale = scales[(from + c) % scales.length]!;
        let code = wanted[c]! / scale;
        if (paired) code = limited(code, k, p);
        code = Math.max(-top, Math.min(top, roundHalfEven(code)));
        codes[p] = code;
        errors[k * each + c] = data[p]! - code * scale;
      }
    }
  });

  /** The code, limited so that it fits into a pair with its neighbours: the next has its code already, the one before has not. */
  function limited(code: number, k: number, p: number): number {
    let most = Number.POSITIVE_INFINITY;
    const isFirst = stride === 1 || k % 2 === 0;
    const isSecond = (stride === 1 || k % 2 === 1) && k > 0;
    if (isFirst && k + 1 < rows) {
      const next = codes[p + channels]!;
      if (next * code > 0) most = largestPair - Math.abs(next);
    }
    if (isSecond) {
      const before = data[p - channels]! / scales[(p % channels) % scales.length]!;
      const over = excess(before, code);
      if (over > 0) most = Math.min(most, Math.max(1, Math.floor(Math.abs(code) - over / 2)));
    }
    return Math.abs(code) > most ? Math.sign(code) * most : code;
  }
  return withCodes(shape, bits, codes, scales);
}

/** L of H + ridge = L D L', [n, n] row by row, from the Cholesky factor L sqrt(D). */
function unitFactor(h: Float32Array, n: number, damping: number): Float64Array {
  let trace = 0;
  for (let i = 0; i < n; i++) trace += h[i * n + i]!;
  const ridge = (damping * trace) / n || 1;
  const factor = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = h[i * n + j]! + (i === j ? ridge : 0);
      const [a, b] = [i * n, j * n];
      for (let k = 0; k < j; k++) sum -= factor[a + k]! * factor[b + k]!;
      factor[a + j] = i === j ? Math.sqrt(Math.max(sum, 1e-6 * ridge)) : sum / factor[b + j]!;
    }
  }
  for (let j = 0; j < n; j++) {
    const pivot = factor[j * n + j]!;
    for (let i = j; i < n; i++) factor[i * n + j]! /= pivot;
  }
  return factor;
}
