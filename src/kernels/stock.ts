/** @file The geometry of tf's own convs and pools, from the attributes of their kernels. */
import * as tf from '@tensorflow/tfjs-core';
import type { ConvGeometry, PoolGeometry } from './geometry.ts';

/** Attributes as tf hands them to a kernel. */
export type StockAttrs = Readonly<Record<string, unknown>>;
type Shape4 = [number, number, number, number];
type Padding = 'same' | 'valid' | number | tf.backend_util.ExplicitPadding;
type Rounding = 'floor' | 'round' | 'ceil' | undefined;

/** Of a conv over `x_BHWC`, with a filter `[kh, kw, in, out]` or, depthwise, `[kh, kw, channels, multiplier]`. */
export function stockConv(
  attrs: StockAttrs,
  x: readonly number[],
  filter: readonly number[],
  depthwise: boolean,
): ConvGeometry {
  const info = tf.backend_util.computeConv2DInfo(
    x as Shape4,
    filter as Shape4,
    attrs['strides'] as [number, number],
    (attrs['dilations'] as [number, number] | undefined) ?? 1,
    attrs['pad'] as Padding,
    attrs['dimRoundingMode'] as Rounding,
    depthwise,
  );
  const { top, bottom, left, right } = info.padInfo;
  return {
    stride: [info.strideHeight, info.strideWidth],
    dilation: [info.dilationHeight, info.dilationWidth],
    pads: { top, bottom, left, right },
    groups: depthwise ? info.inChannels : 1,
  };
}

/** tf's depthwise kernel `[kh, kw, c, mult]` as a grouped one, `[kh, kw, 1, c*mult]`. */
export const groupedShape = ([kh = 1, kw = 1, c = 1, mult = 1]: readonly number[]): Shape4 => [
  kh,
  kw,
  1,
  c * mult,
];

/** Of a pool over `x_BHWC`. */
export function stockPool(attrs: StockAttrs, x: readonly number[]): PoolGeometry {
  const info = tf.backend_util.computePool2DInfo(
    x as Shape4,
    attrs['filterSize'] as [number, number],
    attrs['strides'] as [number, number],
    1,
    attrs['pad'] as Padding,
    attrs['dimRoundingMode'] as Rounding,
  );
  const { top, bottom, left, right } = info.padInfo;
  return {
    size: [info.filterHeight, info.filterWidth],
    stride: [info.strideHeight, info.strideWidth],
    pads: { top, bottom, left, right },
  };
}
