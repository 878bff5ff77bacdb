/**
 * @file A conv of few channels, such as the first of a net, and its filter gradient, where onnxruntime has no blocked kernels.
 *
 * With channels first of all and images last, the numbers under each tap are rows: [channels * taps, places of y * images]. The conv is
 * one product of its kernel with them, the filter gradient is one product of them with dy, and both share them. They are at most twice
 * as many as the numbers of y.
 */

import type { ConvGeometry } from '../../kernels/index.ts';
import { int } from '../../onnx/index.ts';
import type { Value } from '../ir.ts';
import type { Sizes } from './conv-sizes.ts';
import type { Emitter } from './emitter.ts';
import { axesOf } from './exchanged.ts';
import type { FilterGradForm } from './filter-grad-form.ts';
import { byChannel, lay } from './layout.ts';
import { placesOf, under, upTo } from './under-taps.ts';

/** At most so many rows for each output channel. */
const most = 2;

function fits(e: Emitter, g: ConvGeometry, s: Sizes): boolean {
  const taps = s.kernelHeight * s.kernelWidth;
  const isSmall = taps > 1 && taps * s.channels <= most * s.outChannels;
  return e.block === undefined && e.carry && g.groups === 1 && isSmall;
}

/** The numbers of x under each tap: [channels * taps, places of y * images]. */
function tapRows(e: Emitter, g: ConvGeometry, s: Sizes, x: Value): string {
  const { rows, columns } = axesOf(g, s);
  const image = e.get(x, byChannel);
  return e.once(`tap rows ${image} ${JSON.stringify([rows, columns])}`, () => {
    const places = upTo(rows.taps).flatMap((i) =>
      upTo(columns.taps).flatMap((j) =>
        upTo(rows.out).flatMap((v) =>
          upTo(columns.out).map((u) => [under(rows, v, i), under(columns, u, j)] as const),
        ),
      ),
    );
    return e.reshape(placesOf(e, image, s, places), [s.channels * rows.taps * columns.taps, -1]);
  });
}

/** Exchanges the first two axes of a kernel, [a, b, outputs]. */
const turned = (e: Emitter, kernel: string, shape: readonly [number, number, number]): string =>
  shape[0] === 1 || shape[1] === 1 ? kernel : e.transpose(e.reshape(kernel, shape), [1, 0, 2]);

/** Puts y where the conv has few channels. */
export function tapRowsConv(
  e: Emitter,
  g: ConvGeometry,
  s: Sizes,
  [x, kernel, y]: readonly [Value, Value, Value],
): boolean {
  if (!fits(e, g, s)) return false;
  const taps = s.kernelHeight * s.kernelWidth;
  const own = turned(e, e.get(kernel), [taps, s.channels, s.outChannels]);
  const operands = [e.reshape(own, [taps * s.channels, s.outChannels]), tapRows(e, g, s, x)];
  e.put(y, e.reshape(e.emit1('Gemm', operands, { transA: int(1) }), lay(y.shape, byChannel)), byChannel);
  return true;
}

/** The filter gradient of such a conv. */
export const tapRowsProduct: FilterGradForm = {
  fits: (e, { geometry, sizes }) => fits(e, geometry, sizes),
  make: (e, { geometry, sizes: s, x, dy, dk }) => {
    const gradient = e.reshape(e.get(dy, byChannel), [s.outChannels, -1]);
    const product = e.emit1('Gemm', [tapRows(e, geometry, s, x), gradient], { transB: int(1) });
    const taps = s.kernelHeight * s.kernelWidth;
    e.put(dk, e.reshape(turned(e, product, [s.channels, taps, s.outChannels]), dk.shape));
  },
};
