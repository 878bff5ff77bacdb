/** @file Batch norm in training and its gradient as ONNX nodes. */

import { float, int } from '../../onnx/index.ts';
import type { Value } from '../ir.ts';
import { nth, sizeOf } from '../types.ts';
import { blockedNorm, blockedNormGrad, inverse, type NormGrad, type NormValues } from './blocked-norm.ts';
import { liesByChannel, liesInBlocks, operand } from './choose.ts';
import type { Emitter } from './emitter.ts';
import { byChannel, type Layout, lay, nchw, plain } from './layout.ts';
import { rowSums } from './sums.ts';

/**
 * One BatchNormalization. With momentum 0 its running outputs are the statistics of the batch (with the biased variance).
 *
 * onnxruntime writes these outputs into the buffers of the running inputs, even where other nodes read those. So the running inputs
 * are two values that no other node can share: they are made from this x, by two different ops.
 */
export function lowerNorm(e: Emitter, eps: number, values: NormValues): void {
  const { x, gamma, beta, missing, y, mean, variance } = values;
  if (liesInBlocks(e, x)) return blockedNorm(e, eps, values);
  demandWhole(e, missing);
  const rank = x.shape.length;
  const channels = x.shape.at(-1) ?? 1;
  const layout = layoutFor(e, x);
  if (isComposed(e, x)) return composedNorm(e, eps, values, layout);
  const image = e.get(x, layout);
  const sliced = (end: number[]): string =>
    e.reshape(e.emit1('Slice', [image, e.longs(end.map(() => 0)), e.longs(end)]), [channels]);
  const sample = sliced(rank === 4 ? [1, channels, 1, 1] : [1, channels]);
  const first = e.emit1('Mul', [sample, e.scalar(0, 'float32')]);
  const second = e.emit1('Sub', [sample, sample]);
  const inputs = [image, e.get(gamma), e.get(beta), first, second];
  const attributes = { training_mode: int(1), momentum: float(0), epsilon: float(eps) };
  const names = e.emit('BatchNormalization', inputs, attributes, 3);
  e.put(y, nth(names, 0), layout);
  e.put(mean, nth(names, 1));
  e.put(variance, nth(names, 2));
}

/**
 * dbeta = sum dy, dgamma = sum dy xhat, dx = k dy - (xhat k dgamma/m + k dbeta/m) with k = gamma/sqrt(var +
 * eps).
 *
 * The bracket is an affine map of x per channel, for which ONNX's BatchNormalization in inference is one
 * pass.
 */
export function lowerNormGrad(e: Emitter, eps: number, values: NormGrad): void {
  const { dy, x, gamma, mean, variance, missing, dx, dgamma, dbeta, factor } = values;
  if (liesInBlocks(e, x)) return blockedNormGrad(e, eps, values);
  demandWhole(e, missing);
  const rank = x.shape.length;
  const channels = x.shape.at(-1) ?? 1;
  const layout = layoutFor(e, x);
  const axes = e.longs(plain(rank - 1).map((axis) => layout.indexOf(axis)));
  const [image, gradient] = [e.get(x, layout), e.get(dy, layout)];
  const composed = isComposed(e, x);
  const two = (op: string, a: string, b: string): string => e.emit1(op, [a, b]);
  const sum = (name: string): string =>
    composed ? channelSums(e, name, x, layout) : e.emit1('ReduceSum', [name, axes], { keepdims: int(0) });
  const inv = inverse(e, e.get(variance), eps);
  // x is centred before it is multiplied by dy, since sum dy x - mean sum dy would cancel
  const centred = centredOf(e, image, mean, layout);
  const sumDy = sum(gradient);
  const gradGamma = two('Mul', sum(two('Mul', gradient, centred)), inv);
  const scale = two('Mul', e.get(gamma), inv);
  // dx = scale (dy - rest), or dy - rest where a pass takes the scale out as a factor
  const isFactored = composed && factor !== undefined;
  if (isFactored) e.put(factor, scale);
  else if (factor) e.putNumber(factor, 1);
  const places = e.scalar(channels / sizeOf(x.shape), 'float32');
  const share = isFactored ? places : two('Mul', scale, places);
  const [map, away] = composed ? [centred, e.splat(0, [channels], 'float32')] : [image, e.get(mean)];
  const factors = [two('Mul', gradGamma, share), two('Mul', sumDy, share)];
  const rest = mapChannels(e, map, x, layout, [...factors, away, e.get(variance)], eps);
  const wide = (): string =>
    rank === 4 ? e.reshape(scale, lay([1, 1, 1, channels], layout).slice(layout.indexOf(3))) : scale;
  e.put(dx, two('Sub', isFactored ? gradient : two('Mul', gradient, wide()), rest), layout);
  e.put(dgamma, gradGamma);
  e.put(dbeta, sumDy);
}

/**
 * Whether the norm is composed of pools and an affine map of each channel: where there are no blocks. It takes as long as onnxruntime's
 * training op on WebAssembly, its gradient reads the centred image again, and WebGPU has no training op.
 */
const isComposed = (e: Emitter, { shape }: Value): boolean =>
  e.block === undefined && e.carry && (shape.length === 4 || shape.length === 2);

function composedNorm(e: Emitter, eps: number, values: NormValues, layout: Layout): void {
  const { x, gamma, beta, y, mean, variance } = values;
  const [channels = 1, share = 1] = [x.shape.at(-1), (x.shape.at(-1) ?? 1) / sizeOf(x.shape)];
  const image = e.get(x, layout);
  e.put(mean, channelSums(e, image, x, layout, share));
  const centred = centredOf(e, image, mean, layout);
  e.put(variance, channelSums(e, e.emit1('Mul', [centred, centred]), x, layout, share));
  const statistics = [e.splat(0, [channels], 'float32'), e.get(variance)];
  e.put(y, mapChannels(e, centred, x, layout, [e.get(gamma), e.get(beta), ...statistics], eps), layout);
}

const layoutFor = (e: Emitter, x: Value): Layout =>
  liesByChannel(e, x) ? byChannel : x.shape.length === 4 ? nchw : plain(x.shape.length);

/** (x - mean) gamma/sqrt(variance + eps) + beta for each channel, by onnxruntime's norm in inference, which is one pass. */
function mapChannels(
  e: Emitter,
  name: string,
  { shape }: Value,
  layout: Layout,
  parameters: readonly string[],
  eps: number,
): string {
  const normalized = (image: string): string =>
    e.emit1('BatchNormalization', [image, ...parameters], { epsilon: float(eps) });
  if (layout !== byChannel) return normalized(name);
  const channels = shape[3] ?? 1;
  return e.reshape(normalized(e.reshape(name, [1, channels, -1])), lay(shape, byChannel));
}

/** x - mean, which a norm and its gradient share. */
const centredOf = (e: Emitter, image: string, mean: Value, layout: Layout): string =>
  e.once(`centred ${image} ${mean.id}`, () =>
    e.emit1('Sub', [image, operand(e, mean, layout.length, layout)]),
  );

/**
 * The sum of each channel of a channels-first image or of vectors, times `share`. A pool over the places of an image is three times as fast
 * as onnxruntime's reduction.
 */
function channelSums(e: Emitter, name: string, { shape }: Value, layout: Layout, share = 1): string {
  const [batch = 1, height = 1, width = 1, channels = 1] = shape;
  if (shape.length === 2) return rowSums(e, name, [1, batch, height], share);
  const places = height * width * share;
  if (layout !== byChannel)
    return rowSums(e, e.emit1('GlobalAveragePool', [name]), [1, batch, channels], places);
  const means = e.emit1('GlobalAveragePool', [e.reshape(name, [1, channels, -1])]);
  return rowSums(e, means, [1, 1, channels], batch * places);
}

/** Asserts that x has its mean. A conv that subtracts the mean puts its output in blocks, and then `blockedNorm` reads it. */
function demandWhole(e: Emitter, missing: Value | undefined): void {
  if (missing && e.numberOf(missing) !== 0) throw new Error('internal: a centred image outside of blocks');
}
