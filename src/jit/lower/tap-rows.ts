/**
 * @file A conv of few channels, such as the first of a net, and its filter gradient, where onnxruntime has no blocked kernels.
 *
 * With channels first of all and images last, the numbers under each tap are rows: [taps * channels, places of y * images]. The conv is
 * one product of its kernel with them, the filter gradient is one product of them with dy, and both share them. They are copied in long
 * pieces, and are at most twice as many as the numbers of y.
 */

import type { ConvGeometry } from '../../kernels/index.ts';
import { int } from '../../onnx/index.ts';
import type { Value } from '../ir.ts';
import { zeros } from './columns.ts';
import type { Sizes } from './conv-sizes.ts';
import { tapColumn } from './depthwise-rows.ts';
import type { Emitter } from './emitter.ts';
import { type Axis, axesOf } from './exchanged.ts';
import type { FilterGradForm } from './filter-grad-form.ts';
import { byChannel, lay } from './layout.ts';

/** At most so many rows for each output channel. */
const most = 2;

function fits(e: Emitter, g: ConvGeometry, s: Sizes): boolean {
  const taps = s.kernelHeight * s.kernelWidth;
  return (
    e.block === undefined &&
    e.carry &&
    g.groups === 1 &&
    taps > 1 &&
    taps * s.channels <= most * s.outChannels
  );
}

/** The numbers of x under each tap: [taps * channels, places of y * images]. */
function tapRows(e: Emitter, g: ConvGeometry, s: Sizes, x: Value): string {
  const { rows, columns } = axesOf(g, s);
  const image = e.get(x, byChannel);
  return e.once(`tap rows ${image} ${JSON.stringify([rows, columns])}`, () => {
    const line = s.outWidth * s.batch;
    const sides = Array.from({ length: columns.taps }, (_, j) => {
      const parts = tapColumn(e, [s.channels * s.height, s.batch], columns, image, j);
      const [only = ''] = parts;
      const joined = parts.length === 1 ? only : e.emit1('Concat', parts, { axis: int(1) });
      return e.reshape(joined, [s.channels, s.height, line]);
    });
    const parts = Array.from({ length: rows.taps }, (_, i) => i).flatMap((i) =>
      sides.map((side) => tapRow(e, s, rows, side, i, line)),
    );
    return e.reshape(e.emit1('Concat', parts, { axis: int(0) }), [parts.length * s.channels, -1]);
  });
}

/** The rows of x under one tap row, with zeros for padding: [channels, rows of y, line]. */
function tapRow(
  e: Emitter,
  s: Sizes,
  { size, out, stride, dilation, before }: Axis,
  image: string,
  tap: number,
  line: number,
): string {
  const start = tap * dilation - before;
  const first = Math.min(out, Math.max(0, Math.ceil(-start / stride)));
  const last = Math.min(out - 1, Math.floor((size - 1 - start) / stride));
  const empty = (count: number): string[] => (count > 0 ? [zeros(e, [s.channels, count, line])] : []);
  if (last < first) return zeros(e, [s.channels, out, line]);
  const [from, to] = [start + first * stride, start + last * stride + 1];
  const cut =
    from === 0 && to === size && stride === 1
      ? image
      : e.emit1('Slice', [image, e.longs([from]), e.longs([to]), e.longs([1]), e.longs([stride])]);
  const parts = [...empty(first), cut, ...empty(out - 1 - last)];
  return parts.length === 1 ? cut : e.emit1('Concat', parts, { axis: int(1) });
}

/** Puts y where the conv has few channels. */
export function tapRowsConv(
  e: Emitter,
  g: ConvGeometry,
  s: Sizes,
  x: Value,
  kernel: Value,
  y: Value,
): boolean {
  if (!fits(e, g, s)) return false;
  const operands = [e.reshape(e.get(kernel), [-1, s.outChannels]), tapRows(e, g, s, x)];
  e.put(y, e.reshape(e.emit1('Gemm', operands, { transA: int(1) }), lay(y.shape, byChannel)), byChannel);
  return true;
}

/** The filter gradient of such a conv. */
export const tapRowsProduct: FilterGradForm = {
  fits: (e, { geometry, sizes }) => fits(e, geometry, sizes),
  make: (e, { geometry, sizes, x, dy, dk }) => {
    const operands = [
      tapRows(e, geometry, sizes, x),
      e.reshape(e.get(dy, byChannel), [sizes.outChannels, -1]),
    ];
    e.put(dk, e.reshape(e.emit1('Gemm', operands, { transB: int(1) }), dk.shape));
  },
};
