/**
 * @file A depthwise conv and its input gradient as matrix products, where onnxruntime has no blocked kernels.
 *
 * There onnxruntime copies the places under each tap for every image and channel, and multiplies the copies by a kernel of one row.
 * With channels first of all and images last, products of more rows do the same for all images of a channel at once: of all places of
 * x and y, as here, or of their rows (`depthwise-rows.ts`).
 *
 * M(c), [places of x, places of y], holds the kernel's tap wherever that tap leads from the one place to the other, else 0:
 * y(c) = M(c)^T x(c) and dx(c) = M(c) dy(c), where a column is an image. Most of M is 0; on the smallest images the product is still
 * the fastest (`npx tsx scripts/bench/web-ops.ts`).
 */

import type { ConvGeometry } from '../../kernels/index.ts';
import { int } from '../../onnx/index.ts';
import type { Value } from '../ir.ts';
import type { Sizes } from './conv-sizes.ts';
import { convForm } from './depthwise-form.ts';
import { depthwiseRows, depthwiseRowsGrad } from './depthwise-rows.ts';
import type { Emitter } from './emitter.ts';
import { type Axes, axesOf } from './exchanged.ts';
import { byChannel, lay } from './layout.ts';
import { diagonals } from './toeplitz.ts';

/** M, [channels, places of x, places of y]. */
function matrices(e: Emitter, axes: Axes, s: Sizes, kernel: Value): string {
  const { rows, columns } = axes;
  const name = e.get(kernel);
  const selector = diagonals(e, rows, columns);
  return e.once(`matrices ${name} ${selector}`, () => {
    const taps = e.reshape(name, [rows.taps * columns.taps, s.channels]);
    const flat = e.emit1('Gemm', [taps, selector], { transA: int(1), transB: int(1) });
    return e.reshape(flat, [s.channels, rows.size * columns.size, rows.out * columns.out]);
  });
}

/** Puts y where a product is faster than the conv. */
export function depthwiseProduct(
  e: Emitter,
  g: ConvGeometry,
  s: Sizes,
  x: Value,
  kernel: Value,
  y: Value,
): boolean {
  const form = convForm(e, g, s, false);
  if (form === 'conv') return false;
  if (form !== 'places') {
    depthwiseRows(e, { geometry: g, sizes: s }, form, [x, kernel, y]);
    return true;
  }
  const image = e.reshape(e.get(x, byChannel), [s.channels, s.height * s.width, s.batch]);
  const operands = [matrices(e, axesOf(g, s), s, kernel), image];
  const product = e.emit1('FusedMatMul', operands, { transA: int(1) }, 'com.microsoft');
  e.put(y, e.reshape(product, lay(y.shape, byChannel)), byChannel);
  return true;
}

/** Puts dx where a product is faster than the conv of dy. */
export function depthwiseProductGrad(
  e: Emitter,
  g: ConvGeometry,
  s: Sizes,
  dy: Value,
  kernel: Value,
  dx: Value,
): boolean {
  const form = convForm(e, g, s, true);
  if (form === 'conv') return false;
  if (form !== 'places') {
    depthwiseRowsGrad(e, { geometry: g, sizes: s }, form, [dy, kernel, dx]);
    return true;
  }
  const image = e.reshape(e.get(dy, byChannel), [s.channels, s.outHeight * s.outWidth, s.batch]);
  const product = e.emit1('MatMul', [matrices(e, axesOf(g, s), s, kernel), image]);
  e.put(dx, e.reshape(product, lay(dx.shape, byChannel)), byChannel);
  return true;
}
