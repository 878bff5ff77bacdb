/**
 * @file Columns of an image, chosen by a product with a constant 0/1 matrix, which onnxruntime runs on all threads, unlike a Pad or a
 * Slice.
 */

import { int } from '../../onnx/index.ts';
import type { Emitter } from './emitter.ts';

/** The widest rows for which a product with a matrix of mostly zeros is fast. */
export const widest = 128;

/** Rows with more columns count as long. */
const long = 48;

export interface Columns {
  /** The width of the image. */
  readonly width: number;
  /** How many are taken: `first`, `first + step`, ...; zeros where the image has none. */
  readonly count: number;
  readonly first: number;
  readonly step?: number;
  /** The operand, [.., rows * width], has that many rows of the image side by side; columns are taken from row number `row`. */
  readonly rows?: number;
  readonly row?: number;
  /** The shape of the image, where it is known. */
  readonly shape?: readonly number[];
}

export function columnsOf(e: Emitter, image: string, o: Columns): string {
  const { width, count, first, step = 1, rows = 1, row = 0, shape } = o;
  if (rows === 1 && step === 1 && first === 0 && width === count) return image;
  const [before, behind] = [-first, count - width + first];
  // beside long rows, a concat with columns of zeros is cheaper than a product
  if (rows === 1 && step === 1 && before >= 0 && behind >= 0 && shape && width > long) {
    const empty = (columns: number): string[] =>
      columns > 0 ? [zeros(e, [...shape.slice(0, -1), columns])] : [];
    return e.emit1('Concat', [...empty(before), image, ...empty(behind)], { axis: int(-1) });
  }
  const chosen = e.once(`columns ${[width, count, first, step, rows, row].join()}`, () => {
    const data = new Float32Array(rows * width * count);
    for (let i = 0; i < count; i++) {
      const column = first + i * step;
      if (column >= 0 && column < width) data[(row * width + column) * count + i] = 1;
    }
    return e.constant(data, [rows * width, count], 'float32');
  });
  return e.emit1('MatMul', [image, chosen]);
}

export const zeros = (e: Emitter, shape: readonly number[]): string =>
  e.once(`zeros ${shape.join()}`, () => e.emit1('Expand', [e.scalar(0, 'float32'), e.longs(shape)]));
