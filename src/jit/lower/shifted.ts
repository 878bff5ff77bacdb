/**
 * @file The filter gradient of a conv as one matrix product over all kernel positions.
 *
 * Let tap row i read the input's row stride t + p, with p and q from i dilation - top = stride q + p, 0 <= p < stride.
 * Then
 *
 *   dk(i, j) = < X(p, j) shifted down by -q, dy > = < X(p, j), dy shifted down by q >,
 *
 * where X(p, j) has every stride-th row of x from p on, and in it the columns that tap column j reads. The product of all X(p, j),
 * stacked, with all shifted copies of dy, one for each q, holds all dk(i, j). Columns are chosen by a product with a constant
 * 0/1 matrix, which onnxruntime runs on all threads, unlike a Pad or a Slice.
 */

import type { ConvGeometry } from '../../kernels/index.ts';
import { int } from '../../onnx/index.ts';
import { columnsOf, widest, zeros } from './columns.ts';
import type { Sizes } from './conv-sizes.ts';
import type { Emitter } from './emitter.ts';
import type { FilterGrad, FilterGradForm } from './filter-grad-form.ts';
import { nchw } from './layout.ts';
import { rowSums } from './sums.ts';

/** Whether this form is fast: not with so few channels that copies cost more than the product, and not on wide strided rows. */
const isShiftable = (g: ConvGeometry, s: Sizes): boolean =>
  s.channels >= 4 && (g.stride.every((step) => step === 1) || g.stride[0] * s.width <= widest);

/** Which rows each tap reads, and the common grid of X and the copies of dy. */
interface Rows {
  /** Phases p that occur, and shifts q that occur, ascending. */
  readonly phases: readonly number[];
  readonly shifts: readonly number[];
  /** For each tap row the indices of its p and q in these lists. */
  readonly taps: readonly (readonly [phase: number, shift: number])[];
  /** Rows of the grid, in steps of the stride. */
  readonly count: number;
  /** Rows of zeros before and behind x that fill the grid; negative where x has more rows. */
  readonly before: number;
  readonly behind: number;
}

function rowsOf({ stride: [stride], dilation, pads }: ConvGeometry, s: Sizes): Rows {
  const reads = Array.from({ length: s.kernelHeight }, (_, i) => i * dilation[0] - pads.top);
  const shiftOf = (row: number): number => Math.floor(row / stride);
  const phaseOf = (row: number): number => row - stride * shiftOf(row);
  const sorted = (values: readonly number[]): number[] => [...new Set(values)].sort((a, b) => a - b);
  const phases = sorted(reads.map(phaseOf));
  const shifts = sorted(reads.map(shiftOf));
  const [first = 0, last = 0] = [shifts[0], shifts.at(-1)];
  const count = s.outHeight + last - first;
  const before = -first * stride;
  return {
    phases,
    shifts,
    taps: reads.map((row) => [phases.indexOf(phaseOf(row)), shifts.indexOf(shiftOf(row))]),
    count,
    before,
    behind: count * stride - before - s.height,
  };
}

/** One product for each image and group, summed over the batch. */
function shiftedPerImage(e: Emitter, { geometry: g, sizes: s, x, dy, dk }: FilterGrad): void {
  const rows = rowsOf(g, s);
  const { batch, outWidth } = s;
  const { groups } = g;
  const places = rows.count * outWidth;
  const [stride] = g.stride;
  // where the rows of x and the padding are multiples of the stride, the padding is added when the copies are joined
  const later = s.height % stride === 0 && rows.behind >= 0;
  const image = e.get(x, nchw);
  const copies = later
    ? tapColumns(e, g, s, rows, image, [batch, s.channels, s.height / stride])
    : tapColumns(e, g, s, rows, filled(e, image, rows, [batch, s.channels, s.width]), [
        batch,
        s.channels,
        rows.count,
      ]);
  const [before, behind] = later ? [rows.before / stride, rows.behind / stride] : [0, 0];
  const empty = (count: number): string[] =>
    count > 0 ? [zeros(e, [batch, s.channels, count, outWidth])] : [];
  const columns = copies.flatMap((copy, i) => [...empty(i > 0 ? behind + before : before), copy]);
  const lines = linesOf(rows, e.get(dy, nchw), (count) => zeros(e, [batch, s.outChannels, count, outWidth]));
  const [ins, outs] = [copies.length, rows.shifts.length];
  const a = e.reshape(joined(e, [...columns, ...empty(behind)], 2), [batch, groups, s.groupIn * ins, places]);
  const b = e.reshape(joined(e, lines, 2), [batch, groups, s.groupOut * outs, places]);
  const products = e.emit1('FusedMatMul', [a, b], { transB: int(1) }, 'com.microsoft');
  const sum = rowSums(e, products, [1, batch, groups * s.groupIn * ins * s.groupOut * outs]);
  e.put(dk, kernelOf(e, g, s, rows, sum));
}

export const productPerImage: FilterGradForm = {
  fits: (_, { geometry, sizes }) => isShiftable(geometry, sizes),
  make: shiftedPerImage,
};

/** One product over batch and places, for many channels on few places. */
function shiftedWhole(e: Emitter, { geometry: g, sizes: s, x, dy, dk }: FilterGrad): void {
  const rows = rowsOf(g, s);
  const { batch, channels, outChannels, outWidth } = s;
  const byChannel = [3, 0, 1, 2];
  const length = batch * rows.count * outWidth;
  const image = filled(e, e.get(x, byChannel), rows, [channels, batch, s.width]);
  const copies = tapColumns(e, g, s, rows, image, [channels, batch, rows.count]).map((name) =>
    e.reshape(name, [channels, length]),
  );
  // every image ends in rows of zeros, as many as the largest shift: so a shift of all images of a channel at once is right
  const span = rows.count - s.outHeight;
  const tall = joined(
    e,
    [e.get(dy, byChannel), ...(span ? [zeros(e, [outChannels, batch, span, outWidth])] : [])],
    2,
  );
  const flat = e.reshape(tall, [outChannels, length]);
  const kept = length - span * outWidth;
  const line = span ? e.emit1('Slice', [flat, e.longs([0]), e.longs([kept]), e.longs([1])]) : flat;
  const lines = linesOf(rows, line, (count) => zeros(e, [outChannels, count * outWidth]));
  const a = e.reshape(joined(e, copies, 1), [channels * copies.length, length]);
  const b = e.reshape(joined(e, lines, 1), [outChannels * rows.shifts.length, length]);
  e.put(dk, kernelOf(e, g, s, rows, e.emit1('Gemm', [a, b], { transB: int(1) })));
}

export const productOfBatch: FilterGradForm = {
  fits: (_, { geometry: g, sizes: s }) => {
    const product = s.kernelWidth * s.channels * s.kernelHeight * s.outChannels;
    const operands = (s.kernelWidth * s.channels + s.kernelHeight * s.outChannels) * s.outHeight * s.outWidth;
    return g.groups === 1 && 2 * product > operands && isShiftable(g, s);
  },
  make: shiftedWhole,
};

function joined(e: Emitter, parts: readonly string[], axis: number): string {
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : e.emit1('Concat', parts, { axis: int(axis) });
}

/** x, [.., height, width], padded or cut to the rows of the grid. */
function filled(
  e: Emitter,
  image: string,
  { before, behind }: Rows,
  [a, b, width]: readonly [number, number, number],
): string {
  const whole = behind < 0 ? e.emit1('Slice', [image, e.longs([0]), e.longs([behind]), e.longs([2])]) : image;
  const empty = (count: number): string[] => (count > 0 ? [zeros(e, [a, b, count, width])] : []);
  return joined(e, [...empty(before), whole, ...empty(behind)], 2);
}

/** X(p, j) for every phase p and tap column j, each [a, b, count, outWidth], out of [a, b, stride count, width]. */
function tapColumns(
  e: Emitter,
  g: ConvGeometry,
  s: Sizes,
  rows: Rows,
  image: string,
  [a, b, count]: readonly [number, number, number],
): string[] {
  const [down, across] = g.stride;
  const taps = Array.from({ length: s.kernelWidth }, (_, j) => j * g.dilation[1] - g.pads.left);
  if (down * s.width > widest) {
    return taps.map((first) => cropped(e, image, first, s.outWidth - s.width + first));
  }
  const wide = e.reshape(image, [a, b, count, down * s.width]);
  return rows.phases.flatMap((phase) =>
    taps.map((first) =>
      columnsOf(e, wide, {
        width: s.width,
        count: s.outWidth,
        first,
        step: across,
        rows: down,
        row: phase,
      }),
    ),
  );
}

/** Rows shifted left by `by`, and cut or padded to the right: at stride 1 the columns that a tap reads. */
function cropped(e: Emitter, image: string, by: number, more: number): string {
  return by === 0 && more === 0 ? image : e.emit1('Pad', [image, e.longs([0, 0, 0, -by, 0, 0, 0, more])]);
}

/** dy shifted down by every q; `empty` gives the rows of zeros between the copies. */
function linesOf(rows: Rows, line: string, empty: (count: number) => string): string[] {
  const [first = 0, last = 0] = [rows.shifts[0], rows.shifts.at(-1)];
  return rows.shifts.flatMap((shift, i) => {
    const previous = rows.shifts[i - 1];
    const gap = previous === undefined ? 0 : last - previous + shift - first;
    return gap ? [empty(gap), line] : [line];
  });
}

/** The kernel's gradient out of [groups, c, p, j, o, q]. */
function kernelOf(e: Emitter, g: ConvGeometry, s: Sizes, rows: Rows, product: string): string {
  const { groupIn, groupOut, kernelHeight, kernelWidth, outChannels } = s;
  const [phases, shifts] = [rows.phases.length, rows.shifts.length];
  const products = e.reshape(product, [g.groups, groupIn, phases, kernelWidth, groupOut, shifts]);
  const turned = e.transpose(products, [2, 5, 3, 1, 0, 4]); // [p, q, j, c, groups, o]
  const pairs = e.reshape(turned, [phases * shifts, kernelWidth, groupIn, outChannels]);
  const wanted = rows.taps.map(([phase, shift]) => phase * shifts + shift);
  const straight = wanted.length === phases * shifts && wanted.every((pair, i) => pair === i);
  const kernel = straight ? pairs : e.emit1('Gather', [pairs, e.longs(wanted)], { axis: int(0) });
  return e.reshape(kernel, [kernelHeight, kernelWidth, groupIn, outChannels]);
}
