/**
 * @file Convolutions as ONNX nodes, on channels-first images or in blocks. Their gradients have files of their own.
 *
 * Kernels are HWIO in the graph; ONNX's OIHW is their layout [3, 2, 0, 1].
 */

import type { ConvGeometry } from '../../kernels/index.ts';
import { int } from '../../onnx/index.ts';
import type { Value } from '../ir.ts';
import { blockedConv, canBlock, type Source, sourceOf } from './blocked.ts';
import { type Added, placesMean } from './blocked-ops.ts';
import { putSum } from './blocked-sum.ts';
import { liesByChannel } from './choose.ts';
import { attributesOf, isPointwise, oihw, sizesOf } from './conv-sizes.ts';
import { depthwiseProduct } from './depthwise-product.ts';
import type { Emitter } from './emitter.ts';
import { blocks, byChannel, lay, nchw } from './layout.ts';
import { canRotate, rotatedConv } from './rotated.ts';
import { plainConv } from './safe-convs.ts';
import { rowSums } from './sums.ts';
import { tapRowsConv } from './tap-rows.ts';

/** @param mean the value m of a centred conv, which is subtracted from y. */
export function lowerConv(
  e: Emitter,
  g: ConvGeometry,
  x: Value,
  kernel: Value,
  y: Value,
  mean?: Value,
): void {
  const s = sizesOf(x.shape, kernel.shape, y.shape, g);
  const attributes = attributesOf(g, s);
  const shape = { ...s, groups: g.groups };
  const make = (source: Source, added?: Added): string =>
    canRotate(e, s, x)
      ? rotatedConv(e, g, s, source.blocked(), kernel, attributes, added)
      : blockedConv(e, source, e.get(kernel), shape, attributes, added);
  if (canRotate(e, s, x) || canBlock(e, shape, x)) {
    const bias = mean && centring(e, mean, make(meanSource(e, x)));
    return putSum(e, y, (sum) => make(sourceOf(e, x), { bias, sum }));
  }
  if (mean) e.putNumber(mean, 0); // elsewhere the norm is onnxruntime's own op, which subtracts the mean itself
  if (depthwiseProduct(e, g, s, x, kernel, y) || tapRowsConv(e, g, s, [x, kernel, y])) return;
  if (isPointwise(g, s) && liesByChannel(e, x)) {
    const columns = e.reshape(e.get(x, byChannel), [s.channels, -1]);
    const operands = [e.reshape(e.get(kernel), [s.channels, s.outChannels]), columns];
    return e.put(
      y,
      e.reshape(e.emit1('Gemm', operands, { transA: int(1) }), lay(y.shape, byChannel)),
      byChannel,
    );
  }
  const channels = { channels: s.channels, filters: s.outChannels, groups: g.groups };
  const operands = [e.get(x, nchw), e.get(kernel, oihw)] as const;
  const name = isPointwise(g, s)
    ? e.emit1('Conv', operands, attributes)
    : plainConv(e, operands, channels, attributes);
  e.put(y, name, nchw);
}

/** The mean over the batch of the conv's input. */
function meanSource(e: Emitter, x: Value): Source {
  const { block = 1 } = e;
  const [batch = 1, height = 1, width = 1, channels = 1] = x.shape;
  const over = (name: string, filled: number): string =>
    e.once(`mean image ${name}`, () => {
      const size = filled * height * width;
      return e.reshape(rowSums(e, name, [1, batch, size], 1 / batch), [1, filled, height, width]);
    });
  return {
    plain: () => over(e.get(x, nchw), channels),
    blocked: () => over(e.get(x, blocks), Math.ceil(channels / block) * block),
  };
}

/** Puts the mean of a conv's output, whose mean over the batch is `image`, and gives the bias that subtracts it. */
function centring(e: Emitter, mean: Value, image: string): string {
  const name = e.reshape(placesMean(e, image), mean.shape);
  e.put(mean, name);
  return e.emit1('Neg', [name]);
}
