/**
 * @file The gradient of a conv in its kernel: which of several formulations runs fastest on onnxruntime.
 *
 * dk(i, j, c, o) = sum over batch and places of x(at tap i, j; c) dy(o). Written naively, that copies x once
 * per tap. The forms below copy less: they let a matrix product, or onnxruntime's blocked convs, meet all taps at once.
 */

import type { ConvGeometry } from '../../kernels/index.ts';
import { int } from '../../onnx/index.ts';
import type { Value } from '../ir.ts';
import {
  blockedDepthwise,
  blockedFilterGrad,
  canBlockDepthwise,
  canBlockFilterGrad,
} from './blocked-filter-grad.ts';
import { padsOf, type Sizes, sizesOf } from './conv-sizes.ts';
import type { Emitter } from './emitter.ts';
import { axesOf, exchanged, ownTaps } from './exchanged.ts';
import { nchw } from './layout.ts';
import { pointwiseFilterGrad } from './pointwise-filter-grad.ts';
import { canRotate, rotatedFilterGrad } from './rotated.ts';
import { canReadRows, rowFilterGrad } from './row-filter-grad.ts';
import { isShiftable, shiftedPerImage, shiftedWhole } from './shifted.ts';
import { depthwiseFilterGrad } from './toeplitz.ts';

export function lowerFilterGrad(e: Emitter, g: ConvGeometry, x: Value, dy: Value, dk: Value): void {
  const s = sizesOf(x.shape, dk.shape, dy.shape, g);
  if (s.kernelHeight * s.kernelWidth === 1 && g.groups === 1 && padsOf(g).every((pad) => pad === 0)) {
    return pointwiseFilterGrad(e, g, s, x, dy, dk);
  }
  if (canBlockDepthwise(e, s)) return blockedDepthwise(e, g, s, x, dy, dk);
  if (s.groupIn === 1 && s.groupOut === 1) return depthwiseFilterGrad(e, g, s, x, dy, dk);
  if (canRotate(e, s, x)) return rotatedFilterGrad(e, g, s, x, dy, dk);
  if (canReadRows(e, g, s, x, dy)) return rowFilterGrad(e, g, s, x, dy, dk);
  if (canBlockFilterGrad(e, g, s)) return blockedFilterGrad(e, g, s, x, dy, dk);
  if (!isShiftable(g, s)) return overBatch(e, g, s, x, dy, dk);
  const product = s.kernelWidth * s.channels * s.kernelHeight * s.outChannels;
  const operands = (s.kernelWidth * s.channels + s.kernelHeight * s.outChannels) * s.outHeight * s.outWidth;
  if (g.groups === 1 && 2 * product > operands) return shiftedWhole(e, g, s, x, dy, dk);
  shiftedPerImage(e, g, s, x, dy, dk);
}

/**
 * dk(c, o) is the conv of channel c with the image of dy's channel o as the kernel, summed over the batch: a
 * conv whose batch is x's channels, whose channels are the batch, and whose stride and dilation are
 * exchanged.
 */
function overBatch(e: Emitter, g: ConvGeometry, s: Sizes, x: Value, dy: Value, dk: Value): void {
  const { groups } = g;
  const { batch, height, width, groupIn } = s;
  let images: string;
  if (groups === 1) images = e.get(x, [3, 0, 1, 2]);
  else {
    const parts = e.reshape(e.get(x, nchw), [batch, groups, groupIn, height, width]);
    images = e.reshape(e.transpose(parts, [2, 1, 0, 3, 4]), [groupIn, groups * batch, height, width]);
  }
  const axes = axesOf(g, s);
  const attributes = { ...exchanged(axes), group: int(groups) };
  const taps = e.emit1('Conv', [images, e.get(dy, [3, 0, 1, 2])], attributes);
  e.put(dk, ownTaps(e, axes, taps), [2, 3, 0, 1]);
}
