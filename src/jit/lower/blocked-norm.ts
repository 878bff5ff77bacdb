/**
 * @file Batch norm in training and its gradient on images in blocks. onnxruntime's own norm wants channels first and runs on
 * one thread; here its passes are blocked ops, which run on all:
 *
 * - a sum over places is a global pool,
 * - an affine map of each channel is a depthwise conv of one place with a bias, and can add another image as it goes,
 * - a sum of products over places is a depthwise conv with the other image's maps as kernels.
 */

import { floats, int, ints, string } from '../../onnx/index.ts';
import { stepAttributes } from '../build.ts';
import { type Attributes, type Node, splatOf, type Value } from '../ir.ts';
import { sizeOf } from '../types.ts';
import { onesOf } from './blocked.ts';
import { convInBlocks, placesMean } from './blocked-ops.ts';
import { putSum } from './blocked-sum.ts';
import { mayScaleLater } from './conv-norm.ts';
import type { Emitter } from './emitter.ts';
import { type Axis, depthwiseTaps } from './exchanged.ts';
import { blocks } from './layout.ts';
import { rowSums } from './sums.ts';

export type Three = readonly [Value, Value, Value];

const two = (e: Emitter, op: string, a: string, b: string): string => e.emit1(op, [a, b]);

/** scale x + shift per channel, + more; then `act`, which that conv does as well. */
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

/** A relu or relu6 that can take the place of its operand. */
interface Relu {
  readonly value: Value;
  readonly act: Attributes;
  /** Comparisons of the operand with 6. */
  readonly limits: readonly Value[];
}

/** The relu or relu6 of y, if nothing but it and its gradient reads y: what asks whether y is above 0 may ask that of the relu. */
function onlyRelu(e: Emitter, y: Value): Relu | undefined {
  const readers = e.readers(y) ?? [];
  const compares = ({ op, inputs }: Node, name: string, to: number): boolean =>
    op.kind === 'map' && op.op === name && inputs[0] === y && !!inputs[1] && splatOf(inputs[1]) === to;
  const clip = readers.find(
    (node) => compares(node, 'Clip', 0) && [6, Infinity].includes(splatOf(node.inputs[2] as Value) ?? 0),
  );
  const value = clip?.outputs[0];
  if (!clip || !value) return undefined;
  const high = splatOf(clip.inputs[2] as Value) ?? 0;
  const limits = readers.filter((node) => high === 6 && compares(node, 'Less', 6));
  const isStep = (node: Node): boolean =>
    (node.op.kind === 'map' && node.op.attributes === stepAttributes) || compares(node, 'Greater', 0);
  if (!readers.every((node) => node === clip || limits.includes(node) || isStep(node))) return undefined;
  const act: Attributes =
    high === 6
      ? { activation: string('Clip'), activation_params: floats([0, 6]) }
      : { activation: string('Relu') };
  return { value, act, limits: limits.flatMap(({ outputs }) => outputs) };
}

/**
 * Puts y, and its relu where that takes its place. A relu6 tells where y is below 6, which is where its gradient is not 0.
 */
function putWithRelu(e: Emitter, y: Value, make: (act?: Attributes) => string): void {
  const relu = onlyRelu(e, y);
  const name = make(relu?.act);
  e.put(y, name, blocks);
  if (!relu) return;
  e.put(relu.value, name, blocks);
  for (const limit of relu.limits) e.put(limit, two(e, 'Less', name, e.scalar(6, 'float32')), blocks);
}

/** Over batch and places the sum of a b, times `share`: [channels]. */
function products(e: Emitter, { shape }: Value, a: string, b: string, share?: number): string {
  const [batch = 1, height = 1, width = 1, channels = 1] = shape;
  const axis = (size: number): Axis => ({ size, out: size, taps: 1, stride: 1, dilation: 1, before: 0 });
  const sums = depthwiseTaps(e, { rows: axis(height), columns: axis(width) }, batch * channels, a, b);
  return rowSums(e, sums, [1, batch, channels], share);
}

/** x - mean, which the gradient reads again. */
const centred = (e: Emitter, x: Value, mean: string): string =>
  e.means.get(x) === mean
    ? e.get(x, blocks)
    : e.once(`centred ${x.id} ${mean}`, () => {
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
  [x, gamma, beta]: Three,
  [y, mean, variance]: Three,
): void {
  const average =
    e.means.get(x) ??
    e.emit1('ReduceMean', [placesMean(e, e.get(x, blocks)), e.longs([0, 2, 3])], { keepdims: int(0) });
  const rest = centred(e, x, average);
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
  [dy, x, gamma, mean, variance]: readonly [Value, Value, Value, Value, Value],
  [dx, dgamma, dbeta]: Three,
): void {
  const gradient = e.get(dy, blocks);
  const rest = centred(e, x, e.get(mean));
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
  if (mayScaleLater(e, dx)) {
    e.factors.set(dx, scale);
    return e.put(dx, affine(e, x, rest, asScale(e, slope, x), shift, { more: gradient }), blocks);
  }
  const [own, away] = [two(e, 'Mul', scale, slope), two(e, 'Mul', scale, shift)];
  putSum(e, dx, (sum) => {
    const more = affine(e, x, rest, asScale(e, own, x), away, { more: sum });
    return affine(e, x, gradient, asScale(e, scale, x), '', { more });
  });
}
