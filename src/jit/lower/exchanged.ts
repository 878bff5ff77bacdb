/**
 * @file The filter gradient as a conv of x with the maps of dy as kernels, where stride and dilation are exchanged. Geometry shared by
 * all forms of the filter gradient.
 */

import type { ConvGeometry } from '../../kernels/index.ts';
import { ints } from '../../onnx/index.ts';
import type { Attributes } from '../ir.ts';
import { convInBlocks } from './blocked-ops.ts';
import type { Sizes } from './conv-sizes.ts';
import type { Emitter } from './emitter.ts';

/** One axis of the forward conv. */
export interface Axis {
  readonly size: number;
  readonly out: number;
  readonly taps: number;
  readonly stride: number;
  readonly dilation: number;
  /** Padding before the first place. The padding behind the last place follows from the other sizes. */
  readonly before: number;
}
export interface Axes {
  readonly rows: Axis;
  readonly columns: Axis;
}

export const axesOf = ({ stride, dilation, pads }: ConvGeometry, s: Sizes): Axes => ({
  rows: {
    size: s.height,
    out: s.outHeight,
    taps: s.kernelHeight,
    stride: stride[0],
    dilation: dilation[0],
    before: pads.top,
  },
  columns: {
    size: s.width,
    out: s.outWidth,
    taps: s.kernelWidth,
    stride: stride[1],
    dilation: dilation[1],
    before: pads.left,
  },
});

/** The padding that the last tap of the last place of dy needs behind x; negative where the stride leaves places of x unread. */
export const lacking = ({ size, out, taps, stride, dilation, before }: Axis): number =>
  (out - 1) * stride + dilation * (taps - 1) + 1 - size - before;

/** The number of taps that the conv computes: more than the kernel has where places of x are unread. */
export const madeOf = (axis: Axis): number =>
  axis.taps + Math.floor(Math.max(0, -lacking(axis)) / axis.dilation);

/** The axis of a padded image that has exactly the places that the taps read. */
export const filled = (axis: Axis): Axis => ({
  ...axis,
  size: axis.before + axis.size + lacking(axis),
  before: 0,
});

export const exchanged = ({ rows, columns }: Axes): Attributes => ({
  kernel_shape: ints([rows.out, columns.out]),
  strides: ints([rows.dilation, columns.dilation]),
  dilations: ints([rows.stride, columns.stride]),
  pads: ints([rows.before, columns.before, Math.max(0, lacking(rows)), Math.max(0, lacking(columns))]),
});

/** The result of the conv, [.., .., taps computed], without the taps beyond the kernel. */
export function ownTaps(e: Emitter, { rows, columns }: Axes, name: string): string {
  if ([rows, columns].every((axis) => madeOf(axis) === axis.taps)) return name;
  return e.emit1('Slice', [name, e.longs([0, 0]), e.longs([rows.taps, columns.taps]), e.longs([2, 3])]);
}

/**
 * The products of an image and dy at each tap, summed over the places of each map: [1, maps, taps computed]. Both are in blocks;
 * there are images times channels maps.
 */
export function depthwiseTaps(e: Emitter, axes: Axes, maps: number, image: string, dy: string): string {
  const { rows, columns } = axes;
  const images = e.once(`images ${image}`, () => e.reshape(image, [1, maps, rows.size, columns.size]));
  const kernels = e.once(`kernels ${dy}`, () => e.reshape(dy, [maps, 1, rows.out, columns.out]));
  const sizes = { channels: maps, outputs: maps, groups: maps };
  return convInBlocks(e, { image: images, kernel: kernels, ...sizes, attributes: exchanged(axes) });
}
