/**
 * @file Batch norm in training and its gradient on images in blocks. onnxruntime's own norm wants channels first and runs on
 * one thread; here its passes are blocked ops, which run on all:
 *
 * - a sum over places is a global pool,
 * - an affine map of each channel is a depthwise conv of one place with a bias, and can add another image as it goes,
 * - a sum of products over places is a depthwise conv with the other image's maps as kernels.
 */

import { int, ints } from '../../onnx/index.ts';
import { stepAttributes } from '../build.ts';
import { type Attributes, splatOf, type Value } from '../ir.ts';
import { sizeOf } from '../types.ts';
import { onesOf, placesMean } from './blocked.ts';
import { isWhole } from './choose.ts';
import { blockedDomain, type Emitter } from './emitter.ts';
import { blocks } from './layout.ts';

type Three = readonly [Value, Value, Value];

export const canBlockNorm = (e: Emitter, x: Value): boolean => isWhole(e, x) && e.has(x, blocks);

const two = (e: Emitter, op: string, a: string, b: string): string => e.emit1(op, [a, b]);

/** scale x + shift per channel, + more; negative numbers as 0 where `relu` says so. */
function affine(
  e: Emitter,
  x: Value,
  name: string,
  scale: string,
  shift: string,
  { more = [], relu = false }: { more?: readonly string[]; relu?: boolean } = {},
): string {
  const attributes: Attributes = {
    kernel_shape: ints([1, 1]),
    group: int(x.shape[3] ?? 1),
    ...(relu ? { activation: { kind: 'string', value: 'Relu' } as const } : {}),
  };
  return e.emit1('Conv', [name, scale, shift, ...more], attributes, blockedDomain);
}

/**
 * The relu of y, if y is read by it and by its gradient's step alone. The step is that of the relu as well, which then can
 * stand for y.
 */
function onlyRelu(e: Emitter, y: Value): Value | undefined {
  const readers = e.readers(y) ?? [];
  const relus = readers.filter(({ op, inputs: [, low, high] }) => {
    const isClip = op.kind === 'map' && op.op === 'Clip';
    return isClip && low && high && splatOf(low) === 0 && splatOf(high) === Infinity;
  });
  const steps = readers.filter(({ op }) => op.kind === 'map' && op.attributes === stepAttributes);
  return relus.length + steps.length === readers.length ? relus[0]?.outputs[0] : undefined;
}

/** Over batch and places the sum of a b: [channels]. */
function products(e: Emitter, { shape }: Value, a: string, b: string): string {
  const [batch = 1, height = 1, width = 1, channels = 1] = shape;
  const all = batch * channels;
  const image = e.once(`images ${a}`, () => e.reshape(a, [1, all, height, width]));
  const kernel = e.once(`kernels ${b}`, () => e.reshape(b, [all, 1, height, width]));
  const attributes = { kernel_shape: ints([height, width]), group: int(all) };
  const sums = e.emit1('Conv', [image, kernel], attributes, blockedDomain);
  return e.emit1('ReduceSum', [e.reshape(sums, [batch, channels]), e.longs([0])], { keepdims: int(0) });
}

/** x - mean, which the gradient reads again. */
const centred = (e: Emitter, x: Value, mean: string): string =>
  e.once(`centred ${x.id} ${mean}`, () => {
    const channels = x.shape[3] ?? 1;
    return affine(e, x, e.get(x, blocks), onesOf(e, channels), e.emit1('Neg', [mean]));
  });

const inverse = (e: Emitter, variance: string, eps: number): string =>
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
  const image = e.get(x, blocks);
  const average = e.emit1('ReduceMean', [placesMean(e, image), e.longs([0, 2, 3])], { keepdims: int(0) });
  const rest = centred(e, x, average);
  const share = e.scalar((x.shape[3] ?? 1) / sizeOf(x.shape), 'float32');
  const spread = two(e, 'Mul', products(e, x, rest, rest), share);
  const scale = e.once(`slope ${spread} ${gamma.id} ${eps}`, () =>
    two(e, 'Mul', e.get(gamma), inverse(e, spread, eps)),
  );
  const relu = onlyRelu(e, y);
  const made = affine(e, x, rest, asScale(e, scale, x), e.get(beta), { relu: relu !== undefined });
  e.put(y, made, blocks);
  if (relu) e.put(relu, made, blocks);
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
  const [, height = 1, width = 1, channels = 1] = x.shape;
  const means = e.emit1('ReduceSum', [placesMean(e, gradient), e.longs([0, 2, 3])], { keepdims: int(0) });
  const sumDy = two(e, 'Mul', means, e.scalar(height * width, 'float32'));
  const gradGamma = two(e, 'Mul', products(e, x, rest, gradient), inv);
  const share = two(e, 'Mul', scale, e.scalar(-channels / sizeOf(x.shape), 'float32'));
  const slope = two(e, 'Mul', two(e, 'Mul', share, gradGamma), inv);
  const away = affine(e, x, rest, asScale(e, slope, x), two(e, 'Mul', share, sumDy));
  e.put(dx, affine(e, x, gradient, asScale(e, scale, x), '', { more: [away] }), blocks);
  e.put(dgamma, gradGamma);
  e.put(dbeta, sumDy);
}
