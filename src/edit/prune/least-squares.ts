/**
 * @file A layer's weights fitted to wanted values by least squares:  min over D of |Y - X W - X D|^2 + r |D|^2.
 * The least is at most what D = 0 gives, so that the error on the rows never rises.
 */
import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import { type Conv, isMap, type OpOf, type Shape, slide } from '../../graph/index.ts';

/** A conv or dense layer, and some of its inputs and wanted outputs. */
export interface Rows {
  readonly op: Conv | OpOf<'dense'>;
  /** [kh, kw, in / groups, out] or [in, out], flat. */
  readonly kernel: Float32Array;
  readonly bias: Float32Array | undefined;
  readonly inputShape: Shape;
  /** [n, ...inputShape], flat. */
  readonly inputs: Float32Array;
  /** The wanted value of an output channel at a place of an example: places count row by row. */
  wanted(example: number, place: number, channel: number): number;
  /** Examples and places to fit. */
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

/** Fit each group of the layer by itself. */
export function leastSquares(rows: Rows): Fit {
  const { op, at, ridge } = rows;
  const groups = op.kind === 'conv' ? op.groups : 1;
  const kernel = Float32Array.from(rows.kernel);
  const bias = rows.bias && Float32Array.from(rows.bias);
  const outs = op.out / groups;
  let [before, after] = [0, 0];
  for (let g = 0; g < groups; g++) {
    const windows = at.map(([example, place]) => windowAt(rows, example, place, g, groups));
    const length = windows[0]?.length ?? 0;
    const columns = Array.from({ length: outs }, (_, j) => g * outs + j);
    const x = new Matrix(windows.map((w) => (bias ? [...w, 1] : [...w])));
    const weightAt = (row: number, j: number): number => row * op.out + j;
    const w = Matrix.zeros(x.columns, outs);
    columns.forEach((j, k) => {
      for (let i = 0; i < length; i++) w.set(i, k, kernel[weightAt(i, j)] as number);
      if (bias) w.set(length, k, bias[j] as number);
    });
    const y = new Matrix(at.map(([e, p]) => columns.map((j) => rows.wanted(e, p, j))));
    const rest = Matrix.sub(y, x.mmul(w));
    const xt = x.transpose();
    const gram = xt.mmul(x);
    const r = (ridge * gram.trace()) / gram.rows || 1e-12;
    for (let i = 0; i < gram.rows; i++) gram.set(i, i, gram.get(i, i) + r);
    const change = new CholeskyDecomposition(gram).solve(xt.mmul(rest));
    columns.forEach((j, k) => {
      for (let i = 0; i < length; i++)
        kernel[weightAt(i, j)] = (kernel[weightAt(i, j)] as number) + change.get(i, k);
      if (bias) bias[j] = (bias[j] as number) + change.get(length, k);
    });
    before += rest.norm() ** 2;
    after += Matrix.sub(rest, x.mmul(change)).norm() ** 2;
  }
  const count = at.length * op.out;
  return { kernel, bias, before: before / count, after: after / count };
}

/** What the window of a group reads at a place: [kh, kw, in / groups], flat; zeros where it lies outside. */
function windowAt(
  { op, inputShape, inputs }: Rows,
  example: number,
  place: number,
  group: number,
  groups: number,
): Float64Array {
  if (op.kind === 'dense' || !isMap(inputShape)) {
    const c = inputShape[0];
    return Float64Array.from(inputs.subarray(example * c, (example + 1) * c));
  }
  const [h, w, c] = inputShape;
  const { size, pads } = slide([h, w], op);
  const depth = c / groups;
  const [kh, kw] = op.kernel;
  const window = new Float64Array(kh * kw * depth);
  const [top, left] = [
    Math.floor(place / size[1]) * op.stride[0] - pads.top,
    (place % size[1]) * op.stride[1] - pads.left,
  ];
  for (let i = 0; i < kh; i++) {
    for (let j = 0; j < kw; j++) {
      const [y, x] = [top + i * op.dilation[0], left + j * op.dilation[1]];
      if (y < 0 || y >= h || x < 0 || x >= w) continue;
      const from = ((example * h + y) * w + x) * c + group * depth;
      for (let k = 0; k < depth; k++) window[(i * kw + j) * depth + k] = inputs[from + k] as number;
    }
  }
  return window;
}
