/**
 * @file A depthwise conv on small images, and its input gradient, as one matrix product for each channel, where onnxruntime has no
 * blocked kernels.
 *
 * There onnxruntime copies the places under each tap for every image and channel, and multiplies the copies by a kernel of one row.
 * Here M(c), [places of x, places of y], holds the kernel's tap wherever that tap leads from the one place to the other, else 0:
 * y(n, c) = x(n, c) M(c) and dx(n, c) = dy(n, c) M(c)^T. Most of M is 0; on images of 7x7 the product still takes half of the time
 * of the conv, on 4x4 a tenth (`npx tsx scripts/bench/web-ops.ts`).
 */

import type { ConvGeometry } from '../../kernels/index.ts';
import { int } from '../../onnx/index.ts';
import type { Value } from '../ir.ts';
import type { Sizes } from './conv-sizes.ts';
import type { Emitter } from './emitter.ts';
import { type Axes, axesOf } from './exchanged.ts';
import { byChannel } from './layout.ts';
import { diagonals } from './toeplitz.ts';

/** The largest constant of the matrices, in numbers. */
const largest = 1e6;

/**
 * Whether the product is faster. Nanoseconds for each image and channel, as measured on WebAssembly: a multiply-add of a product takes
 * 0.055, a place that is copied 0.25, a tap of a copied place 0.4, and a conv of one channel 130 besides.
 *
 * @param spread whether the conv is the input gradient of a strided conv, with zeros between the places.
 */
function isProduct(e: Emitter, g: ConvGeometry, s: Sizes, spread: boolean): boolean {
  if (e.block !== undefined || !e.carry || s.groupIn !== 1 || s.groupOut !== 1 || g.groups === 1)
    return false;
  const [places, outs] = [s.height * s.width, s.outHeight * s.outWidth];
  const taps = s.kernelHeight * s.kernelWidth;
  if (places * outs * taps > largest) return false;
  const written = spread ? places : outs;
  return 0.055 * places * outs + 0.25 * (places + outs) < 130 + 0.4 * taps * written;
}

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

/** Puts y where the product is faster than the conv. */
export function depthwiseProduct(
  e: Emitter,
  g: ConvGeometry,
  s: Sizes,
  x: Value,
  kernel: Value,
  y: Value,
): boolean {
  if (!isProduct(e, g, s, false)) return false;
  const image = e.reshape(e.get(x, byChannel), [s.channels, s.batch, s.height * s.width]);
  const product = e.emit1('MatMul', [image, matrices(e, axesOf(g, s), s, kernel)]);
  e.put(y, e.reshape(product, [s.channels, s.batch, s.outHeight, s.outWidth]), byChannel);
  return true;
}

/** Puts dx where the product is faster than the conv of dy. */
export function depthwiseProductGrad(
  e: Emitter,
  g: ConvGeometry,
  s: Sizes,
  dy: Value,
  kernel: Value,
  dx: Value,
): boolean {
  if (!isProduct(e, g, s, g.stride[0] * g.stride[1] > 1)) return false;
  const image = e.reshape(e.get(dy, byChannel), [s.channels, s.batch, s.outHeight * s.outWidth]);
  const operands = [image, matrices(e, axesOf(g, s), s, kernel)];
  const product = e.emit1('FusedMatMul', operands, { transB: int(1) }, 'com.microsoft');
  e.put(dx, e.reshape(product, [s.channels, s.batch, s.height, s.width]), byChannel);
  return true;
}
