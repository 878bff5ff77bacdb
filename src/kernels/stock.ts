/** @file The geometry of tf's own convs and pools, from the attributes of their kernels. */
import * as tf from '@tensorflow/tfjs-core';
import { type Attrs, paddingsAttr, pairAttr, shape4 } from './attributes.ts';
import type { ConvGeometry, PoolGeometry } from './geometry.ts';

/** The attribute `pad`: a name, a number for all sides, or the pads of each axis. */
function paddingOf(attrs: Attrs): 'same' | 'valid' | number | tf.backend_util.ExplicitPadding {
  const { pad } = attrs;
  if (pad === 'same' || pad === 'valid' || typeof pad === 'number') return pad;
  const [batch, rows, columns, channels] = paddingsAttr(attrs, 'pad');
  if (!batch || !rows || !columns || !channels) throw new Error(`internal: a padding of ${String(pad)}`);
  return [[...batch], [...rows], [...columns], [...channels]];
}

function roundingOf({ dimRoundingMode: mode }: Attrs): 'floor' | 'round' | 'ceil' | undefined {
  return mode === 'floor' || mode === 'round' || mode === 'ceil' ? mode : undefined;
}

/** Of a conv over `x_BHWC`, with a filter `[kh, kw, in, out]` or, depthwise, `[kh, kw, channels, multiplier]`. */
export function stockConv(
  attrs: Attrs,
  x: readonly number[],
  filter: readonly number[],
  depthwise: boolean,
): ConvGeometry {
  const info = tf.backend_util.computeConv2DInfo(
    shape4(x),
    shape4(filter),
    pairAttr(attrs, 'strides'),
    pairAttr(attrs, 'dilations'),
    paddingOf(attrs),
    roundingOf(attrs),
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
export const groupedShape = ([kh = 1, kw = 1, c = 1, mult = 1]: readonly number[]): [
  number,
  number,
  number,
  number,
] => [kh, kw, 1, c * mult];

/** Of a pool over `x_BHWC`. */
export function stockPool(attrs: Attrs, x: readonly number[]): PoolGeometry {
  const info = tf.backend_util.computePool2DInfo(
    shape4(x),
    pairAttr(attrs, 'filterSize'),
    pairAttr(attrs, 'strides'),
    1,
    paddingOf(attrs),
    roundingOf(attrs),
  );
  const { top, bottom, left, right } = info.padInfo;
  return {
    size: [info.filterHeight, info.filterWidth],
    stride: [info.strideHeight, info.strideWidth],
    pads: { top, bottom, left, right },
  };
}
