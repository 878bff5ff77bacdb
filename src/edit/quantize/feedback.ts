/**
 * @file Rounding with error feedback. The squared error that a kernel's rounding makes in a layer's output is e' H e for
 * each output channel, with e the error of its codes and H the covariances of the
 * layer's inputs (the mean error is the bias's to take back). With H = L D L', L of
 * unit diagonal, that is the sum over k of D_k (e_k + sum over i > k of L_ik e_i)^2: rounding from the last input to the
 * first, each code takes back what the later ones did. Frantar et al. 2022, arXiv:2210.17323 (GPTQ); in this form Chee et
 * al. 2023, arXiv:2307.13304, section 3.1 (LDLQ).
 */
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

/** What one group of a layer reads: means [k] and covariances [k, k] row by row, with k along taps and inputs. */
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

/** The kernel's codes, [.., inputs, channels], with the scales as they are given. */
export function roundWithFeedback(
  { shape, data }: FloatWeight,
  moments: readonly Moments[],
  { bits, scales, paired, damping = 0.01 }: FeedbackOptions,
): QuantizedWeight {
  const channels = shape.at(-1) as number;
  const rows = data.length / channels;
  const top = levelsOf(bits);
  const codes = new Int8Array(data.length);
  const stride = pairStride(shape);
  const each = channels / moments.length;
  moments.forEach(({ covariance }, group) => {
    const lower = unitFactor(covariance, rows, damping);
    const from = group * each;
    // errors of the rows behind, in floats
    const errors = new Float64Array(rows * each);
    const wanted = new Float64Array(each);
    for (let k = rows - 1; k >= 0; k--) {
      for (let c = 0; c < each; c++) wanted[c] = data[k * channels + from + c] as number;
      for (let i = k + 1; i < rows; i++) {
        const share = lower[i * rows + k] as number;
        if (share === 0) continue;
        for (let c = 0; c < each; c++)
          wanted[c] = (wanted[c] as number) + share * (errors[i * each + c] as number);
      }
      for (let c = 0; c < each; c++) {
        const p = k * channels + from + c;
        const scale = scales[(from + c) % scales.length] as number;
        let code = (wanted[c] as number) / scale;
        if (paired) code = limited(code, k, p);
        code = Math.max(-top, Math.min(top, roundHalfEven(code)));
        codes[p] = code;
        errors[k * each + c] = (data[p] as number) - code * scale;
      }
    }
  });

  /** The code as it may stand beside its neighbours: the one behind has its code, the one before has its value. */
  function limited(code: number, k: number, p: number): number {
    let most = Number.POSITIVE_INFINITY;
    const isFirst = stride === 1 || k % 2 === 0;
    const isSecond = (stride === 1 || k % 2 === 1) && k > 0;
    if (isFirst && k + 1 < rows) {
      const behind = codes[p + channels] as number;
      if (behind * code > 0) most = largestPair - Math.abs(behind);
    }
    if (isSecond) {
      const before = (data[p - channels] as number) / (scales[(p % channels) % scales.length] as number);
      const over = excess(before, code);
      if (over > 0) most = Math.min(most, Math.max(1, Math.floor(Math.abs(code) - over / 2)));
    }
    return Math.abs(code) > most ? Math.sign(code) * most : code;
  }
  return withCodes(shape, bits, codes, scales);
}

/** L of H + ridge = L D L', [n, n] row by row, by way of Cholesky's factor L sqrt(D). */
function unitFactor(h: Float32Array, n: number, damping: number): Float64Array {
  let trace = 0;
  for (let i = 0; i < n; i++) trace += h[i * n + i] as number;
  const ridge = (damping * trace) / n || 1;
  const factor = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = (h[i * n + j] as number) + (i === j ? ridge : 0);
      const [a, b] = [i * n, j * n];
      for (let k = 0; k < j; k++) sum -= (factor[a + k] as number) * (factor[b + k] as number);
      factor[a + j] = i === j ? Math.sqrt(Math.max(sum, 1e-6 * ridge)) : sum / (factor[b + j] as number);
    }
  }
  for (let j = 0; j < n; j++) {
    const pivot = factor[j * n + j] as number;
    for (let i = j; i < n; i++) factor[i * n + j] = (factor[i * n + j] as number) / pivot;
  }
  return factor;
}
