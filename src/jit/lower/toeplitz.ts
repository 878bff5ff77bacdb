/**
 * @file The filter gradient of a depthwise conv, without a copy of x for each kernel position.
 *
 * Per channel c, the matrix M = sum over the batch of x_c (as a vector of places) times dy_c^T holds the
 * product of every place of x with every place of dy. The kernel's gradient at a tap is the sum of M along
 * that tap's diagonal: M times a constant 0/1 matrix. For large images M is made for pairs of rows only.
 */

import { int } from '../../onnx/index.ts';
import type { Value } from '../ir.ts';
import type { Sizes } from './conv-sizes.ts';
import { filterGradForm } from './depthwise-form.ts';
import { depthwiseRowsFilterGrad } from './depthwise-rows.ts';
import type { Emitter } from './emitter.ts';
import { type Axis, axesOf } from './exchanged.ts';
import type { FilterGrad, FilterGradForm } from './filter-grad-form.ts';
import { byChannel, type Layout, nchw } from './layout.ts';

const oihw: Layout = [3, 2, 0, 1];

function depthwiseFilterGrad(e: Emitter, grad: FilterGrad): void {
  const { geometry: g, sizes: s, x, dy, dk } = grad;
  const form = filterGradForm(e, g, s);
  if (typeof form !== 'string') return depthwiseRowsFilterGrad(e, grad, form);
  const { rows, columns } = axesOf(g, s);
  // multiply-adds of both forms; the form by rows also copies the images about twice for each further tap
  const pairs = rows.size * rows.out * columns.size * columns.out;
  const taps = rows.taps * columns.taps;
  const whole = pairs * (1 + taps / s.batch);
  const byRow =
    rows.out * rows.taps * columns.size * columns.out + 40 * rows.taps * (rows.size * columns.size);
  const isWhole = form === 'places' || (form === 'conv' && whole <= byRow && pairs * taps <= 1e6);
  const sums = isWhole ? wholePlaces(e, s, rows, columns, x, dy) : pairsOfRows(e, s, rows, columns, x, dy);
  e.put(dk, e.reshape(sums, [s.channels, 1, s.kernelHeight, s.kernelWidth]), oihw);
}

/** Runs a depthwise conv's filter gradient as matrix products. */
export const depthwiseProducts: FilterGradForm = {
  fits: (_, { sizes }) => sizes.groupIn === 1 && sizes.groupOut === 1,
  make: depthwiseFilterGrad,
};

/** Per leading axes, a^T b over the first axis of both: [n, ..., i], [n, ..., j] -> [..., i, j]. */
function overBatch(e: Emitter, a: string, b: string): string {
  const attributes = { transA: int(1), transBatchA: int(1), transBatchB: int(1) };
  return e.emit1('FusedMatMul', [a, b], attributes, 'com.microsoft');
}

function wholePlaces(e: Emitter, s: Sizes, rows: Axis, columns: Axis, x: Value, dy: Value): string {
  const [places, outs] = [rows.size * columns.size, rows.out * columns.out];
  const product = (): string => {
    if (e.block === undefined && e.carry) {
      const operands = [
        e.reshape(e.get(x, byChannel), [s.channels, places, s.batch]),
        e.reshape(e.get(dy, byChannel), [s.channels, outs, s.batch]),
      ];
      return e.emit1('FusedMatMul', operands, { transB: int(1) }, 'com.microsoft');
    }
    const image = e.reshape(e.get(x, nchw), [s.batch, s.channels, places]);
    const gradient = e.reshape(e.get(dy, nchw), [s.batch, s.channels, outs]);
    return overBatch(e, image, gradient);
  };
  const products = e.reshape(product(), [s.channels, places * outs]);
  return e.emit1('MatMul', [products, diagonals(e, rows, columns)]);
}

/** A constant, [places of x times places of y, taps]: 1 where that tap leads from the one place to the other, else 0. */
export function diagonals(e: Emitter, rows: Axis, columns: Axis): string {
  const [places, outs, taps] = [rows.size * columns.size, rows.out * columns.out, rows.taps * columns.taps];
  return e.once(`diagonals ${JSON.stringify([rows, columns])}`, () => {
    const data = new Float32Array(places * outs * taps);
    for (let out = 0; out < outs; out++) {
      const [oy, ox] = [Math.floor(out / columns.out), out % columns.out];
      for (let tap = 0; tap < taps; tap++) {
        const [ty, tx] = [Math.floor(tap / columns.taps), tap % columns.taps];
        const y = oy * rows.stride + ty * rows.dilation - rows.before;
        const across = ox * columns.stride + tx * columns.dilation - columns.before;
        if (y < 0 || y >= rows.size || across < 0 || across >= columns.size) continue;
        data[((y * columns.size + across) * outs + out) * taps + tap] = 1;
      }
    }
    return e.constant(data, [places * outs, taps], 'float32');
  });
}

/**
 * For each tap row: products over the batch of the rows of x and dy that this tap pairs, summed over rows, then over diagonals.
 */
function pairsOfRows(e: Emitter, s: Sizes, rows: Axis, columns: Axis, x: Value, dy: Value): string {
  const selector = e.once(`columns ${JSON.stringify(columns)}`, () => {
    const data = new Float32Array(columns.size * columns.out * columns.taps);
    for (let place = 0; place < columns.size; place++) {
      for (let out = 0; out < columns.out; out++) {
        for (let tap = 0; tap < columns.taps; tap++) {
          const meets = place === out * columns.stride + tap * columns.dilation - columns.before;
          if (meets) data[(place * columns.out + out) * columns.taps + tap] = 1;
        }
      }
    }
    return e.constant(data, [columns.size * columns.out, columns.taps], 'float32');
  });
  const [image, gradient] = [e.get(x, nchw), e.get(dy, nchw)];
  const sums = Array.from({ length: rows.taps }, (_, tap) => {
    const start = tap * rows.dilation - rows.before; // the row of x under this tap at dy's row 0
    const first = Math.max(0, Math.ceil(-start / rows.stride));
    const last = Math.min(rows.out - 1, Math.floor((rows.size - 1 - start) / rows.stride));
    if (last < first) return e.emit1('Expand', [e.scalar(0, 'float32'), e.longs([s.channels, columns.taps])]);
    const a = someRows(e, image, start + first * rows.stride, last - first + 1, rows.stride, rows.size);
    const b = someRows(e, gradient, first, last - first + 1, 1, rows.out);
    const pairs = e.emit1('ReduceSum', [overBatch(e, a, b), e.longs([1])], { keepdims: int(0) });
    return e.emit1('MatMul', [e.reshape(pairs, [s.channels, columns.size * columns.out]), selector]);
  });
  const [only] = sums;
  return sums.length === 1 && only !== undefined ? only : e.emit1('Concat', sums, { axis: int(1) });
}

function someRows(
  e: Emitter,
  name: string,
  begin: number,
  count: number,
  stride: number,
  size: number,
): string {
  if (begin === 0 && stride === 1 && count === size) return name;
  const end = begin + (count - 1) * stride + 1;
  return e.emit1('Slice', [name, e.longs([begin]), e.longs([end]), e.longs([2]), e.longs([stride])]);
}
