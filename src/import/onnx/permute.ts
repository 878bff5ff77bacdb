/** @file The axes of an array in another order, without a list of places: kernels have millions of values. */
import type { OnnxData } from '../../onnx/index.ts';

/** Both sides of a square of values stay in the processor's first cache. */
const tile = 32;

/** An array of the same kind. */
export function emptyLike(data: OnnxData, length: number): Exclude<OnnxData, readonly number[]> | number[] {
  if (data instanceof Float32Array) return new Float32Array(length);
  if (data instanceof Float64Array) return new Float64Array(length);
  if (data instanceof Int32Array) return new Int32Array(length);
  if (data instanceof Int16Array) return new Int16Array(length);
  if (data instanceof Uint16Array) return new Uint16Array(length);
  if (data instanceof Int8Array) return new Int8Array(length);
  if (data instanceof Uint8Array) return new Uint8Array(length);
  return new Array<number>(length).fill(0);
}

/** Writes the values of an array of this shape to `to`, with the axes in another order: axis i of `to` is axis order[i]. */
export function permuted<T extends { [index: number]: number }>(
  from: ArrayLike<number>,
  shape: readonly number[],
  order: readonly number[],
  to: T,
): T {
  const axes = kept(shape, order);
  const last = axes.length - 1;
  // the axis along which the array itself is contiguous, and that along which the result is
  const inner = axes.findIndex(({ stride }) => stride === 1);
  const outer = axes.filter((_, i) => i !== last && i !== inner);
  const none = { size: 1, stride: 0, step: 0 };
  const column = axes[last] ?? none;
  const row = inner === last ? none : (axes[inner] ?? none);
  const count = outer.reduce((n, { size }) => n * size, 1);
  for (let i = 0; i < count; i++) {
    let [source, target, rest] = [0, 0, i];
    for (const { size, stride, step } of outer) {
      source += (rest % size) * stride;
      target += (rest % size) * step;
      rest = Math.floor(rest / size);
    }
    turned(from, to, { source, target, row, column });
  }
  return to;
}

interface Walk {
  readonly size: number;
  /** How far apart its values are in the array, and in the result. */
  readonly stride: number;
  readonly step: number;
}
/** The axes of the result, without those of size 1. */
function kept(shape: readonly number[], order: readonly number[]): readonly Walk[] {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((n, dim) => n * dim, 1));
  const sizes = order.map((axis) => shape[axis] ?? 1);
  return order.flatMap((axis, i): Walk[] => {
    const size = sizes[i] ?? 1;
    const step = sizes.slice(i + 1).reduce((n, dim) => n * dim, 1);
    return size === 1 ? [] : [{ size, stride: strides[axis] ?? 1, step }];
  });
}

/** One matrix of the array, in squares. */
function turned(
  from: ArrayLike<number>,
  to: { [index: number]: number },
  { source, target, row, column }: { source: number; target: number; row: Walk; column: Walk },
): void {
  const { size: rows, stride: rowStride, step: rowStep } = row;
  const { size: columns, stride, step } = column.size > 1 ? column : { size: 1, stride: 0, step: 0 };
  for (let top = 0; top < rows; top += tile)
    for (let left = 0; left < columns; left += tile) {
      const [bottom, right] = [Math.min(rows, top + tile), Math.min(columns, left + tile)];
      for (let r = top; r < bottom; r++) {
        let at = source + r * rowStride + left * stride;
        let place = target + r * rowStep + left * step;
        for (let c = left; c < right; c++, at += stride, place += step) to[place] = from[at]!;
      }
    }
}
