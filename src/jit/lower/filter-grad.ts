/**
 * @file The gradient of a conv with respect to its kernel: a list of implementations, of which the first that fits is
 * used.
 *
 * dk(i, j, c, o) = sum over batch and places of x(at tap i, j; c) dy(o). Written naively, that copies x once
 * per tap. The forms below copy less: a matrix product, or one of onnxruntime's blocked convs, reads all taps at once.
 */

import type { ConvGeometry } from '../../kernels/index.ts';
import { int } from '../../onnx/index.ts';
import type { Value } from '../ir.ts';
import { depthwiseInBlocks, imagesAsChannels } from './blocked-filter-grad.ts';
import { sizesOf } from './conv-sizes.ts';
import type { Emitter } from './emitter.ts';
import { axesOf, exchanged, ownTaps } from './exchanged.ts';
import type { FilterGrad, FilterGradForm } from './filter-grad-form.ts';
import { nchw } from './layout.ts';
import { pointwiseForms } from './pointwise-filter-grad.ts';
import { rotatedGroups } from './rotated.ts';
import { byRows } from './row-filter-grad.ts';
import { plainConv } from './safe-convs.ts';
import { productOfBatch, productPerImage } from './shifted.ts';
import { tapRowsProduct } from './tap-rows.ts';
import { depthwiseProducts } from './toeplitz.ts';

/**
 * dk(c, o) is the conv of channel c with the image of dy's channel o as the kernel, summed over the batch: a
 * conv whose batch is x's channels, whose channels are the batch, and whose stride and dilation are
 * exchanged. This is right for all convs.
 */
const overBatch: FilterGradForm = { fits: () => true, make: convOverBatch };

/** All forms, the fastest first. A new form is an entry of this list. */
const forms: readonly FilterGradForm[] = [
  ...pointwiseForms,
  depthwiseInBlocks,
  depthwiseProducts,
  rotatedGroups,
  tapRowsProduct,
  byRows,
  imagesAsChannels,
  productOfBatch,
  productPerImage,
  overBatch,
];

export function lowerFilterGrad(e: Emitter, geometry: ConvGeometry, x: Value, dy: Value, dk: Value): void {
  const grad: FilterGrad = { geometry, sizes: sizesOf(x.shape, dk.shape, dy.shape, geometry), x, dy, dk };
  const form = forms.find(({ fits }) => fits(e, grad)) ?? overBatch;
  form.make(e, grad);
}

function convOverBatch(e: Emitter, { geometry: g, sizes: s, x, dy, dk }: FilterGrad): void {
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
  const channels = { channels: batch * groups, filters: s.outChannels, groups };
  const taps = plainConv(e, [images, e.get(dy, [3, 0, 1, 2])], channels, attributes);
  e.put(dk, ownTaps(e, axes, taps), [2, 3, 0, 1]);
}
