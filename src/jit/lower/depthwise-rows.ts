/**
 * @file A depthwise conv and its gradients where images lie with channels first of all and images last, [c, h, w, n], and onnxruntime has
 * no blocked kernels.
 *
 * The rows of a channel's image serve as the input channels of a grouped conv that moves along the columns: T(c, v, r, j) holds the
 * kernel's tap (i, j) wherever tap row i leads from row r of x to row v of y, else 0, and
 *
 *   y(c, v, u) = sum over r and j of T(c, v, r, j) x(c, r, stride u + dilation j - pad)
 *
 * for all images at once. One product of as many rows as y has replaces a product of one row for each image. The input gradient is such
 * a conv of dy, at a stride one for each phase of the columns; the filter gradient is the product of dy with the columns of x under each
 * tap column, summed along the diagonals of T.
 */

import type { ConvGeometry } from '../../kernels/index.ts';
import { type ConvChannels, int, ints } from '../../onnx/index.ts';
import type { Phase, Value } from '../ir.ts';
import { nth } from '../types.ts';
import { type Bands, bandsOf, inBands, pairsOf } from './bands.ts';
import { zeros } from './columns.ts';
import { phasesOf, type Sizes } from './conv-sizes.ts';
import type { Emitter } from './emitter.ts';
import { type Axes, type Axis, axesOf } from './exchanged.ts';
import type { FilterGrad } from './filter-grad-form.ts';
import { byChannel, type Layout, lay } from './layout.ts';
import { plainConv, plainConvTranspose } from './safe-convs.ts';
import { placesOf, under, upTo } from './under-taps.ts';

const oihw: Layout = [3, 2, 0, 1];

/**
 * A constant, [taps, rows out, rows in, columns]: 1 where that tap lies in that tap column and leads from the one row to the other, which
 * counts from the start of its band.
 *
 * @param turned whether the rows go in at y and come out at x.
 */
function selectorOf(
  e: Emitter,
  { rows, columns }: Axes,
  bands: Bands,
  chosen: readonly number[],
  turned: boolean,
): string {
  return e.once(`rows ${JSON.stringify([rows, columns.taps, bands, chosen, turned])}`, () => {
    const { count, outs, ins, starts } = bands;
    const taps = rows.taps * columns.taps;
    const data = new Float32Array(taps * count * outs * ins * chosen.length);
    for (const [i, y, x] of pairsOf(rows)) {
      const [to, from] = turned ? [x, y] : [y, x];
      const start = nth(starts, Math.floor(to / outs));
      for (const [k, j] of chosen.entries()) {
        const row = ((i * columns.taps + j) * count * outs + to) * ins + from - start;
        data[row * chosen.length + k] = 1;
      }
    }
    return e.constant(data, [taps, count * outs * ins * chosen.length], 'float32');
  });
}

/** T for some tap columns, as the kernel of a grouped conv: [channels * rows out, rows in, columns, 1]. */
function rowKernel(
  e: Emitter,
  axes: Axes,
  bands: Bands,
  kernel: Value,
  chosen: readonly number[],
  turned: boolean,
): string {
  const { rows, columns } = axes;
  const name = e.get(kernel);
  const channels = kernel.shape[3] ?? 1;
  const selector = selectorOf(e, axes, bands, chosen, turned);
  return e.once(`row kernel ${name} ${selector}`, () => {
    const taps = e.reshape(name, [rows.taps * columns.taps, channels]);
    const flat = e.emit1('Gemm', [taps, selector], { transA: int(1) });
    return e.reshape(flat, [channels * bands.count * bands.outs, bands.ins, chosen.length, 1]);
  });
}

const all = ({ taps }: Axis): number[] => upTo(taps);

/** The image as one whose channels are the rows of each channel, band by band: [1, channels * bands * rows, columns, images]. */
const rowsAsChannels = (e: Emitter, x: Value, bands: Bands): string => {
  const [batch = 1, , width = 1, channels = 1] = x.shape;
  const rows = inBands(e, e.get(x, byChannel), bands);
  return e.reshape(rows, [1, channels * bands.count * bands.ins, width, batch]);
};

function putRows(e: Emitter, y: Value, name: string): void {
  e.put(y, e.reshape(name, lay(y.shape, byChannel)), byChannel);
}

/** The channels of the conv whose channels are rows. */
function channelsOf({ channels }: Sizes, { count, ins, outs }: Bands): ConvChannels {
  const groups = channels * count;
  return { channels: groups * ins, filters: groups * outs, groups };
}

export function depthwiseRows(
  e: Emitter,
  { geometry: g, sizes: s }: Pick<FilterGrad, 'geometry' | 'sizes'>,
  bands: Bands,
  [x, kernel, y]: readonly [Value, Value, Value],
): void {
  const axes = axesOf(g, s);
  const { columns } = axes;
  const image = rowsAsChannels(e, x, bands);
  const rows = rowKernel(e, axes, bands, kernel, all(columns), false);
  const name = plainConv(e, [image, rows], channelsOf(s, bands), {
    kernel_shape: ints([columns.taps, 1]),
    strides: ints([columns.stride, 1]),
    dilations: ints([columns.dilation, 1]),
    pads: ints([g.pads.left, 0, g.pads.right, 0]),
    group: int(s.channels * bands.count),
  });
  putRows(e, y, name);
}

export function depthwiseRowsGrad(
  e: Emitter,
  { geometry: g, sizes: s }: Pick<FilterGrad, 'geometry' | 'sizes'>,
  bands: Bands,
  [dy, kernel, dx]: readonly [Value, Value, Value],
): void {
  const axes = axesOf(g, s);
  const phases = columnPhases(g, s);
  if (!phases) return putRows(e, dx, transposed(e, g, s, dy, kernel));
  const image = rowsAsChannels(e, dy, bands);
  const parts = phases.map((phase) => phaseOf(e, axes, s, bands, image, kernel, phase));
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return putRows(e, dx, only);
  const views = parts.map((part) => e.reshape(part, [-1, s.batch]));
  putRows(e, dx, e.emit1('Concat', views, { axis: int(1) }));
}

/** The phases of the columns of dx, each a conv of dy without a stride; undefined where they differ in size or a pad is negative. */
function columnPhases({ stride, dilation, pads }: ConvGeometry, s: Sizes): readonly Phase[] | undefined {
  const [, across] = stride;
  const [, step] = dilation;
  if (s.width % across > 0 || (across > 1 && step > 1)) return undefined;
  // at stride 1 all taps are one phase, in which a dilation only moves them apart
  const reach = step * (s.kernelWidth - 1);
  const phases =
    across === 1
      ? [
          {
            taps: Array.from({ length: s.kernelWidth }, (_, j) => s.kernelWidth - 1 - j),
            before: reach - pads.left,
            behind: s.width + reach - s.outWidth - (reach - pads.left),
          },
        ]
      : phasesOf(s.width, s.outWidth, s.kernelWidth, across, pads.left);
  const fits = ({ taps, before, behind }: Phase): boolean =>
    taps.length === 0 || (before >= 0 && behind >= 0);
  return phases.every(fits) ? phases : undefined;
}

function phaseOf(
  e: Emitter,
  axes: Axes,
  s: Sizes,
  bands: Bands,
  image: string,
  kernel: Value,
  { taps, before, behind }: Phase,
): string {
  const { rows, columns } = axes;
  if (taps.length === 0) return zeros(e, [1, s.channels * rows.size, columns.size / columns.stride, s.batch]);
  return plainConv(e, [image, rowKernel(e, axes, bands, kernel, taps, true)], channelsOf(s, bands), {
    kernel_shape: ints([taps.length, 1]),
    dilations: ints([columns.dilation, 1]),
    pads: ints([before, 0, behind, 0]),
    group: int(s.channels * bands.count),
  });
}

/** The transposed conv with the kernel of the conv itself, which is right for all sizes. */
function transposed(e: Emitter, g: ConvGeometry, s: Sizes, dy: Value, kernel: Value): string {
  const axes = axesOf(g, s);
  const bands = bandsOf(axes.rows, false, 1);
  const { columns } = axes;
  const { left, right } = g.pads;
  const read = (columns.out - 1) * columns.stride + columns.dilation * (columns.taps - 1) + 1;
  const whole = bandsOf(axes.rows, true, 1);
  const image = rowsAsChannels(e, dy, whole);
  const rows = rowKernel(e, axes, bands, kernel, all(columns), false);
  return plainConvTranspose(e, [image, rows], channelsOf(s, whole), {
    kernel_shape: ints([columns.taps, 1]),
    strides: ints([columns.stride, 1]),
    dilations: ints([columns.dilation, 1]),
    pads: ints([left, 0, right, 0]),
    output_padding: ints([columns.size + left + right - read, 0]),
    group: int(s.channels),
  });
}

export function depthwiseRowsFilterGrad(
  e: Emitter,
  { geometry: g, sizes: s, x, dy, dk }: FilterGrad,
  bands: Bands,
): void {
  const axes = axesOf(g, s);
  const { columns } = axes;
  const { count, outs, ins, starts } = bands;
  const places = starts.flatMap((start) =>
    upTo(ins).flatMap((row) =>
      upTo(columns.taps).flatMap((j) =>
        upTo(columns.out).map((u) => [start + row, under(columns, u, j)] as const),
      ),
    ),
  );
  const lines = [s.channels * count, ins * columns.taps, columns.out * s.batch];
  const image = e.reshape(placesOf(e, e.get(x, byChannel), s, places), lines);
  const gradient = e.reshape(e.get(dy, byChannel), [s.channels * count, outs, columns.out * s.batch]);
  const products = e.emit1('FusedMatMul', [gradient, image], { transB: int(1) }, 'com.microsoft');
  const flat = e.reshape(products, [s.channels, count * outs * ins * columns.taps]);
  const sums = e.emit1('Gemm', [flat, selectorOf(e, axes, bands, all(columns), false)], { transB: int(1) });
  e.put(dk, e.reshape(sums, [s.channels, 1, s.kernelHeight, s.kernelWidth]), oihw);
}
