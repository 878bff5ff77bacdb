/**
 * @file Convolutions as ONNX nodes, on channels-first images or in blocks. Their gradients have files of their own.
 *
 * Kernels are HWIO in the graph; ONNX's OIHW is their layout [3, 2, 0, 1].
 */

import type { ConvGeometry } from '../../kernels/index.ts';
import type { Value } from '../ir.ts';
import { blockedConv, canBlock, type Source, sourceOf } from './blocked.ts';
import type { Added } from './blocked-ops.ts';
import { putSum } from './blocked-sum.ts';
import { centring, comesCentred, meanSource } from './conv-norm.ts';
import { attributesOf, oihw, sizesOf } from './conv-sizes.ts';
import type { Emitter } from './emitter.ts';
import { nchw } from './layout.ts';
import { canRotate, rotatedConv } from './rotated.ts';

export function lowerConv(e: Emitter, g: ConvGeometry, x: Value, kernel: Value, y: Value): void {
  const s = sizesOf(x.shape, kernel.shape, y.shape, g);
  const attributes = attributesOf(g, s);
  const shape = { ...s, groups: g.groups };
  const make = (source: Source, added?: Added): string =>
    canRotate(e, s, x)
      ? rotatedConv(e, g, s, source.blocked(), kernel, attributes, added)
      : blockedConv(e, source, e.get(kernel), shape, attributes, added);
  if (canRotate(e, s, x) || canBlock(e, shape, x)) {
    const centred = comesCentred(e, x, y);
    const bias = centred ? centring(e, y, make(meanSource(e, x))) : undefined;
    return putSum(e, y, (sum) => make(sourceOf(e, x), { bias, sum }));
  }
  e.put(y, e.emit1('Conv', [e.get(x, nchw), e.get(kernel, oihw)], attributes), nchw);
}
