/**
 * @file Bands of rows: a conv by products of rows (`depthwise-rows.ts`) multiplies each row that comes out by all that go in, of which its
 * taps reach few. In bands of fewer rows, each with the rows that its taps reach, there is less to multiply and some rows are copied twice.
 */

import type { Emitter } from './emitter.ts';
import type { Axis } from './exchanged.ts';

/** All bands are of the same size; those at the edges hold rows beyond their reach instead of padding. */
export interface Bands {
  readonly count: number;
  /** Rows of a band that come out, and that go in. */
  readonly outs: number;
  readonly ins: number;
  /** The first row of each band that goes in. */
  readonly starts: readonly number[];
}

/** Each tap with a row of y and the row of x under it, where there is one. */
export function pairsOf({
  size,
  out,
  taps,
  stride,
  dilation,
  before,
}: Axis): (readonly [tap: number, y: number, x: number])[] {
  return Array.from({ length: taps * out }, (_, i): readonly [number, number, number] => {
    const [tap, y] = [Math.floor(i / out), i % out];
    return [tap, y, y * stride + tap * dilation - before];
  }).filter(([, , x]) => x >= 0 && x < size);
}

/**
 * The rows of the axis in so many bands, which divide the rows that come out.
 *
 * @param turned whether rows of y go in, and rows of x come out.
 */
export function bandsOf(axis: Axis, turned: boolean, count: number): Bands {
  const [total, all] = turned ? [axis.size, axis.out] : [axis.out, axis.size];
  const outs = total / count;
  const read = Array.from({ length: count }, (): number[] => []);
  for (const [, y, x] of pairsOf(axis)) {
    const [to, from] = turned ? [x, y] : [y, x];
    read[Math.floor(to / outs)]?.push(from);
  }
  const ranges = read.map((rows) => [Math.min(...rows), Math.max(...rows)] as const);
  const ins = Math.max(1, ...ranges.map(([first, last]) => last - first + 1));
  // a band whose taps reach no row reads any
  const starts = ranges.map(([first]) => Math.max(0, Math.min(first, all - ins)));
  return count === 1 ? { count, outs, ins: all, starts: [0] } : { count, outs, ins, starts };
}

/** More bands than this gain nothing. */
const most = 32;

/** Every number of bands that the rows can be in. */
export function everyBands(axis: Axis, turned: boolean): readonly Bands[] {
  const total = turned ? axis.size : axis.out;
  const counts = Array.from({ length: Math.min(most, total) }, (_, i) => i + 1);
  return counts.filter((count) => total % count === 0).map((count) => bandsOf(axis, turned, count));
}

/** The rows of an image [channels, rows, ..] band by band: [channels, bands * rows of a band, ..]. */
export function inBands(e: Emitter, image: string, { count, ins, starts }: Bands): string {
  if (count === 1) return image;
  const rows = starts.flatMap((start) => Array.from({ length: ins }, (_, i) => start + i));
  return e.once(`bands ${image} ${rows.join()}`, () =>
    e.emit1('Gather', [image, e.longs(rows)], { axis: { kind: 'int', value: 1 } }),
  );
}
