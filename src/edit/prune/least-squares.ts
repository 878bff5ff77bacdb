/**
 * @file Fits a layer's weights to target values by least squares:  min over D of |Y - X W - X D|^2 + r |D|^2. The
 * minimum is at most the value at D = 0; the error on the rows therefore never rises. With R = Y - X W,
 *
 *   D = (X'X + r I)^-1 X'R = X' (XX' + r I)^-1 R,
 *
 * and the second form is the smaller system when there are fewer rows than weights in a filter. All in float64.
 */
import { type Conv, isMap, type OpOf, type Shape, slide } from '../../graph/index.ts';
import { multiply, type Product, solveDefinite, transpose } from './products.ts';

/** A conv or dense layer, and some of its inputs and wanted outputs. */
export interface Rows {
  readonly op: Conv | OpOf<'dense'>;
  /** [kh, kw, in / groups, out] or [in, out], flat. */
  readonly kernel: Float32Array;
  readonly bias: Float32Array | undefined;
  readonly inputShape: Shape;
  /** [n, ...inputShape], flat. */
  readonly inputs: Float32Array;
  /** The target of an output channel at a position of an example (positions count row by row); `row` is the index in `at`. */
  wanted(example: number, place: number, channel: number, row: number): number;
  /** Examples and output positions to fit. */
  readonly at: readonly (readonly [example: number, place: number])[];
  /** r, as a share of the mean diagonal element of X'X. */
  readonly ridge: number;
}
export interface Fit {
  readonly kernel: Float32Array;
  readonly bias: Float32Array | undefined;
  /** Mean squared errors over the rows and channels. */
  readonly before: number;
  readonly after: number;
}

/** Fits the layer's weights and bias, each group by itself. */
export function leastSquares(rows: Rows): Fit {
  const steps = leastSquaresSteps(rows);
  let step = steps.next();
  while (!step.done) step = steps.next(multiply(step.value));
  return step.value;
}

/** The same fit for callers with a matrix product of their own: it yields each product that it needs and takes the result. */
export function* leastSquaresSteps(rows: Rows): Generator<Product, Fit, Float64Array> {
  const { op, at, ridge } = rows;
  const groups = op.kind === 'conv' ? op.groups : 1;
  const kernel = Float32Array.from(rows.kernel);
  const bias = rows.bias && Float32Array.from(rows.bias);
  const outs = op.out / groups;
  const weights = kernel.length / op.out; // of a filter
  const columns = weights + (bias ? 1 : 0); // a bias is the weight of an input that is always 1
  let [before, after] = [0, 0];
  for (let g = 0; g < groups; g++) {
    const x = new Float64Array(at.length * columns);
    at.forEach(([example, place], row) => {
      if (bias) x[(row + 1) * columns - 1] = 1;
      readWindow(x.subarray(row * columns), rows, example, place, g, groups);
    });
    const filters = Float64Array.from({ length: outs * columns }, (_, i) => {
      const [j, k] = [g * outs + Math.floor(i / columns), i % columns];
      return k < weights ? kernel[k * op.out + j]! : (bias?.[j] ?? 0);
    });
    const rest = yield { a: x, b: filters, inner: columns };
    at.forEach(([example, place], row) => {
      for (let j = 0; j < outs; j++)
        rest[row * outs + j] = rows.wanted(example, place, g * outs + j, row) - rest[row * outs + j]!;
    });
    const { change, left } = yield* ridgeRegression(x, rest, columns, ridge);
    for (let j = 0; j < outs; j++) {
      const out = g * outs + j;
      for (let k = 0; k < weights; k++) {
        const index = k * op.out + out;
        kernel[index]! += change[k * outs + j]!;
      }
      if (bias) bias[out]! += change[weights * outs + j]!;
    }
    before += squares(rest);
    after += left;
  }
  const count = at.length * op.out;
  return { kernel, bias, before: before / count, after: after / count };
}

/** D [columns, outs], and |R - X D|^2, for X [rows, columns] and R [rows, outs]. */
function* ridgeRegression(
  x: Float64Array,
  rest: Float64Array,
  columns: number,
  ridge: number,
): Generator<Product, { change: Float64Array; left: number }, Float64Array> {
  const rows = x.length / columns;
  const outs = rest.length / rows;
  const r = (ridge * squares(x)) / columns || 1e-12;
  const [byColumn, restByColumn] = [transpose(x, columns), transpose(rest, outs)];
  if (rows < columns) {
    const gram = yield { a: x, b: x, inner: columns };
    const solved = solveDefinite(gram, r, rest.slice());
    const change = yield { a: byColumn, b: transpose(solved, outs), inner: rows };
    // (XX' + r I) A = R, so that R - X D = R - XX'A = r A
    return { change, left: r ** 2 * squares(solved) };
  }
  const gram = yield { a: byColumn, b: byColumn, inner: rows };
  const right = yield { a: byColumn, b: restByColumn, inner: rows };
  const change = solveDefinite(gram, r, right.slice());
  // |R - X D|^2 = |R|^2 - 2 <D, X'R> + <D, X'X D>, and X'X D = X'R - r D
  const gained = change.reduce((sum, d, i) => sum + d * right[i]!, 0);
  return { change, left: Math.max(0, squares(rest) - gained - r * squares(change)) };
}

const squares = (values: Float64Array): number => values.reduce((sum, v) => sum + v * v, 0);

/** Writes the inputs of a group's window at a position, [kh, kw, in / groups] flat. Positions outside the map stay zero. */
function readWindow(
  window: Float64Array,
  { op, inputShape, inputs }: Rows,
  example: number,
  place: number,
  group: number,
  groups: number,
): void {
  if (op.kind === 'dense' || !isMap(inputShape)) {
    const c = inputShape[0];
    window.set(inputs.subarray(example * c, (example + 1) * c));
    return;
  }
  const [h, w, c] = inputShape;
  const { size, pads } = slide([h, w], op);
  const depth = c / groups;
  const [kh, kw] = op.kernel;
  const [top, left] = [
    Math.floor(place / size[1]) * op.stride[0] - pads.top,
    (place % size[1]) * op.stride[1] - pads.left,
  ];
  for (let i = 0; i < kh; i++) {
    for (let j = 0; j < kw; j++) {
      const [y, x] = [top + i * op.dilation[0], left + j * op.dilation[1]];
      if (y < 0 || y >= h || x < 0 || x >= w) continue;
      const from = ((example * h + y) * w + x) * c + group * depth;
      window.set(inputs.subarray(from, from + depth), (i * kw + j) * depth);
    }
  }
}
