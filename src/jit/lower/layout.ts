/**
 * @file Layouts: the order in which the axes of a value are stored in memory.
 *
 * A layout is a permutation: memory axis i is the value's axis layout[i]. tf's images are BHWC; ONNX's convs
 * want BCHW, which is the layout [0, 3, 1, 2] of the same value.
 */

import type { Data } from '../ir.ts';
import { nth } from '../types.ts';

export type Layout = readonly number[];

export const nchw: Layout = [0, 3, 1, 2];

/** An image with channels first of all and images last: each channel is a matrix with a row for each place, or one long row. */
export const byChannel: Layout = [3, 1, 2, 0];

/**
 * An image in onnxruntime's blocks, which is no permutation: [batch, channels/block, height, width, block] in memory, where its ONNX
 * shape is BCHW with whole blocks of channels. See `blocked.ts`.
 */
export const blocks: Layout = [0, 3, 1, 2, 3];

export const plain = (rank: number): Layout => Array.from({ length: rank }, (_, i) => i);

export const isPlain = (layout: Layout): boolean => layout.every((axis, i) => axis === i);

export const lay = <T>(values: readonly T[], layout: Layout): T[] => layout.map((axis) => nth(values, axis));

/** The permutation that brings memory in layout `from` into layout `to`. */
export const between = (from: Layout, to: Layout): number[] => to.map((axis) => from.indexOf(axis));

/** Whether permuting axes of these sizes moves nothing in memory: those longer than 1 keep their order. */
export function isFree(shape: readonly number[], perm: readonly number[]): boolean {
  const long = perm.filter((axis) => (shape[axis] ?? 1) !== 1);
  return long.every((axis, i) => i === 0 || axis > (long[i - 1] ?? -1));
}

/** A copy of row-major `data` with its axes permuted. */
export function permuted(data: Data, shape: readonly number[], perm: readonly number[]): Data {
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const sizes = lay(shape, perm);
  const steps = lay(strides, perm);
  const result = data.slice();
  const place = sizes.map(() => 0);
  let source = 0;
  for (let i = 0; i < result.length; i++) {
    result[i] = data[source] ?? 0;
    for (let axis = sizes.length - 1; axis >= 0; axis--) {
      place[axis] = (place[axis] ?? 0) + 1;
      source += steps[axis] ?? 0;
      if ((place[axis] ?? 0) < (sizes[axis] ?? 1)) break;
      source -= (steps[axis] ?? 0) * (sizes[axis] ?? 1);
      place[axis] = 0;
    }
  }
  return result;
}
