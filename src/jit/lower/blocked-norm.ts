/**
 * @file Batch norm in training and its gradient on images in blocks. onnxruntime's own norm wants channels first and runs on
 * one thread; here its passes are blocked ops, which run on all:
 *
 * - a sum over places is a global pool,
 * - an affine map of each channel is a depthwise 1x1 conv with a bias, which can add another image at no cost,
 * - a sum of products over places is a depthwise conv with the other image's maps as kernels.
 */

import { floats, int, ints, string } from '../../onnx/index.ts';
import type { Attributes, Value } from '../ir.ts';
import { sizeOf } from '../types.ts';
import { onesOf } from './blocked.ts';
import { convInBlocks, placesMean } from './blocked-ops.ts';
import { putSum } from './blocked-sum.ts';
import type { Emitter } from './emitter.ts';
import { type Axis, depthwiseTaps } from './exchanged.ts';
import { blocks } from './layout.ts';
import { rowSums } from './sums.ts';

/** The values of a `norm`. */
export interface NormValues {
  readonly x: Value;
  readonly gamma: Value;
  readonly beta: Value;
  /** The m of a centred conv that made x: the input of the norm is x + m. */
  readonly missing: Value | undefined;
  readonly y: Value;
  readonly mean: Value;
  readonly variance: Value;
}

/** The values of a `normGrad`. */
export interface NormGrad {
  readonly dy: Value;
  readonly x: Value;
  readonly gamma: Value;
  readonly mean: Value;
  readonly variance: Value;
  readonly missing: Value | undefined;
  readonly dx: Value;
  readonly dgamma: Value;
  readonly dbeta: Value;
  /** Where a pass asked for it: the number for each channel by which dx is still to be multiplied. */
  readonly factor: Value | undefined;
}

const two = (e: Emitter, op: string, a: string, b: string): string => e.emit1(op, [a, b]);

/** scale x + shift for each channel, + more, then the activation `act`: all in one conv. */
function affine(
  e: Emitter,
  x: Value,
  name: string,
  scale: string,
  shift: string,
  { more, act = {} }: { more?: string | undefined; act?: Attributes | undefined } = {},
): string {
  const attributes: Attributes = { kernel_shape: ints([1, 1]), ...act };
  const channels = x.shape[3] ?? 1;
  const sizes = { channels, outputs: channels, groups: channels };
  return convInBlocks(e, {
    image: name,
    kernel: scale,
    ...sizes,
    attributes,
    added: { bias: shift, sum: more },
  });
}

/**
 * Puts y, and its relu where that takes its place. The gradient of a relu6 asks where y is below 6; the relu6 is below 6 there too.
 */
function putWithRelu(e: Emitter, y: Value, make: (act?: Attributes) => string): void {
  const relu = e.fusions.relus.get(y);
  const name = make(relu && activationOf(relu.limit));
  e.put(y, name, blocks);
  if (!relu) return;
  e.put(relu.value, name, blocks);
  for (const value of relu.below) e.put(value, two(e, 'Less', name, e.scalar(relu.limit, 'float32')), blocks);
}

const activationOf = (limit: number): Attributes =>
  limit === Infinity
    ? { activation: string('Relu') }
    : { activation: string('Clip'), activation_params: floats([0, limit]) };

/** The sum over batch and places of a b, times `share`: [channels]. */
function products(e: Emitter, { shape }: Value, a: string, b: string, share?: number): string {
  const [batch = 1, height = 1, width = 1, channels = 1] = shape;
  const axis = (size: number): Axis => ({ size, out: size, taps: 1, stride: 1, dilation: 1, before: 0 });
  const sums = depthwiseTaps(e, { rows: axis(height), columns: axis(width) }, batch * channels, a, b);
  return rowSums(e, sums, [1, batch, channels], share);
}

/** Whether the conv that made x subtracted the mean. */
const comesCentred = (e: Emitter, missing: Value | undefined): missing is Value =>
  missing !== undefined && e.numberOf(missing) === undefined;

/** x - mean, computed once for the norm and its gradient. */
const centred = (e: Emitter, x: Value, mean: string): string =>
  e.once(`centred ${x.id} ${mean}`, () => {
    const channels = x.shape[3] ?? 1;
    return affine(e, x, e.get(x, blocks), onesOf(e, channels), e.emit1('Neg', [mean]));
  });

/** 1 / sqrt(variance + eps). */
export const inverse = (e: Emitter, variance: string, eps: number): string =>
  e.once(`inverse ${variance} ${eps}`, () =>
    e.emit1('Reciprocal', [e.emit1('Sqrt', [two(e, 'Add', variance, e.scalar(eps, 'float32'))])]),
  );

const asScale = (e: Emitter, name: string, { shape }: Value): string =>
  e.once(`scale ${name}`, () => e.reshape(name, [shape[3] ?? 1, 1, 1, 1]));

export function blockedNorm(
  e: Emitter,
  eps: number,
  { x, gamma, beta, missing, y, mean, variance }: NormValues,
): void {
  const isCentred = comesCentred(e, missing);
  const average = isCentred
    ? e.get(missing)
    : e.emit1('ReduceMean', [placesMean(e, e.get(x, blocks)), e.longs([0, 2, 3])], { keepdims: int(0) });
  const rest = isCentred ? e.get(x, blocks) : centred(e, x, average);
  const spread = products(e, x, rest, rest, (x.shape[3] ?? 1) / sizeOf(x.shape));
  const scale = e.once(`slope ${spread} ${gamma.id} ${eps}`, () =>
    two(e, 'Mul', e.get(gamma), inverse(e, spread, eps)),
  );
  putWithRelu(e, y, (act) => affine(e, x, rest, asScale(e, scale, x), e.get(beta), { act }));
  e.put(mean, average);
  e.put(variance, spread);
}

/**
 * dbeta = sum dy, dgamma = sum dy xhat, dx = k dy - (xhat k dgamma/m + k dbeta/m) with k = gamma/sqrt(var + eps).
 */
export function blockedNormGrad(
  e: Emitter,
  eps: number,
  { dy, x, gamma, mean, variance, missing, dx, dgamma, dbeta, factor }: NormGrad,
): void {
  const gradient = e.get(dy, blocks);
  const rest = comesCentred(e, missing) ? e.get(x, blocks) : centred(e, x, e.get(mean));
  const spread = e.get(variance);
  const inv = inverse(e, spread, eps);
  const scale = e.once(`slope ${spread} ${gamma.id} ${eps}`, () => two(e, 'Mul', e.get(gamma), inv));
  const [batch = 1, height = 1, width = 1, channels = 1] = x.shape;
  const means = e.emit1('ReduceSum', [placesMean(e, gradient), e.longs([0, 2, 3])], { keepdims: int(0) });
  const sumDy = two(e, 'Mul', means, e.scalar(height * width, 'float32'));
  const gradGamma = two(e, 'Mul', products(e, x, rest, gradient), inv);
  e.put(dgamma, gradGamma);
  e.put(dbeta, sumDy);
  const share = e.scalar(-channels / sizeOf(x.shape), 'float32');
  // dx = k (dy + slope (x - mean) + shift)
  const slope = two(e, 'Mul', two(e, 'Mul', gradGamma, inv), share);
  const shift = two(e, 'Mul', means, e.scalar(-1 / batch, 'float32'));
  if (factor) {
    e.put(factor, scale);
    return e.put(dx, affine(e, x, rest, asScale(e, slope, x), shift, { more: gradient }), blocks);
  }
  const [own, away] = [two(e, 'Mul', scale, slope), two(e, 'Mul', scale, shift)];
  putSum(e, dx, (sum) => {
    const more = affine(e, x, rest, asScale(e, own, x), away, { more: sum });
    return affine(e, x, gradient, asScale(e, scale, x), '', { more });
  });
}
