/**
 * @file One layer as several smaller ones. A kernel W [kh, kw, inputs, outputs] is written as a matrix or a tensor and
 * decomposed; the truncated factors are the kernels of the smaller layers. Only the last of them has a bias, and padding is
 * with zeros: the padding of the first layers then commutes with the last.
 *
 *   svd      [kh kw I, O] = A B:  kh x kw conv to R, 1 x 1 to O (dense: two dense layers). Zhang et al. 2015, arXiv:1505.06798
 *   spatial  [kh I, kw O] = A B:  kh x 1 conv to R, 1 x kw to O. Jaderberg et al. 2014, arXiv:1405.3866, scheme 2
 *   tucker   core x U_I x U_O:    1 x 1 to R3, kh x kw to R4, 1 x 1 to O. Kim et al. 2016, arXiv:1511.06530
 */
import type { Conv, OpOf, Pair } from '../../graph/index.ts';
import { type Svd, svd } from './svd.ts';

export type LinearOp = Conv | OpOf<'dense'>;
export interface Part {
  /** The last name of its path, below the layer's; undefined for the last part, which keeps the layer's path. */
  readonly suffix?: string;
  readonly op: LinearOp;
  readonly shape: readonly number[];
  kernel(): Float32Array;
}
/** A decomposed layer: its matrices, and the smaller layers at given ranks (one for each matrix). */
export interface Split {
  readonly matrices: readonly Svd[];
  parts(ranks: readonly number[]): readonly Part[];
}
export type SplitMethod = 'svd' | 'spatial' | 'tucker';

const one: Pair = [1, 1];
const pointwise = (out: number, bias: boolean): Conv => ({
  kind: 'conv',
  out,
  kernel: one,
  stride: one,
  dilation: one,
  groups: 1,
  padding: 'valid',
  bias,
});
/** A kernel from a function of the index. */
const filled =
  (shape: readonly number[], valueAt: (index: readonly number[]) => number) => (): Float32Array => {
    const data = new Float32Array(shape.reduce((n, d) => n * d, 1));
    const index = shape.map(() => 0);
    for (let p = 0; p < data.length; p++) {
      data[p] = valueAt(index);
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        index[axis]! += 1;
        if (index[axis]! < shape[axis]!) break;
        index[axis] = 0;
      }
    }
    return data;
  };
/** [kernel height, kernel width, inputs, outputs]. */
export type Four = readonly [number, number, number, number];
const root = ({ values }: Svd, k: number): number => Math.sqrt(values[k]!);

/** Two dense layers. */
export function splitDense(op: OpOf<'dense'>, [I, O]: readonly [number, number], w: Float32Array): Split {
  const m = svd(I, O, (i, o) => w[i * O + o]!);
  return {
    matrices: [m],
    parts: ([R = 1]) => [
      {
        suffix: 'basis',
        op: { kind: 'dense', out: R, bias: false },
        shape: [I, R],
        kernel: filled([I, R], ([i = 0, r = 0]) => m.left(i, r) * root(m, r)),
      },
      { op, shape: [R, O], kernel: filled([R, O], ([r = 0, o = 0]) => m.right(o, r) * root(m, r)) },
    ],
  };
}

/** Two or three convs. */
export function splitConv(op: Conv, shape: Four, w: Float32Array, method: SplitMethod): Split {
  return { svd: byChannel, spatial, tucker }[method](op, shape, w);
}

function byChannel(op: Conv, [kh, kw, I, O]: Four, w: Float32Array): Split {
  const m = svd(kh * kw * I, O, (i, o) => w[i * O + o]!);
  return {
    matrices: [m],
    parts: ([R = 1]) => [
      {
        suffix: 'basis',
        op: { ...op, out: R, bias: false },
        shape: [kh, kw, I, R],
        kernel: filled(
          [kh, kw, I, R],
          ([y = 0, x = 0, i = 0, r = 0]) => m.left((y * kw + x) * I + i, r) * root(m, r),
        ),
      },
      {
        op: pointwise(O, op.bias),
        shape: [1, 1, R, O],
        kernel: filled([1, 1, R, O], ([, , r = 0, o = 0]) => m.right(o, r) * root(m, r)),
      },
    ],
  };
}

/** The geometry of a conv along one axis; along the other axis the window is 1. */
export function along(op: Conv, axis: 0 | 1): Pick<Conv, 'kernel' | 'stride' | 'dilation' | 'padding'> {
  const only = (pair: Pair): Pair => (axis === 0 ? [pair[0], 1] : [1, pair[1]]);
  const { padding } = op;
  const sides = (p: readonly [number, number, number, number]) =>
    axis === 0 ? ([p[0], 0, p[2], 0] as const) : ([0, p[1], 0, p[3]] as const);
  return {
    kernel: only(op.kernel),
    stride: only(op.stride),
    dilation: only(op.dilation),
    padding: typeof padding === 'string' ? padding : sides(padding),
  };
}

function spatial(op: Conv, [kh, kw, I, O]: Four, w: Float32Array): Split {
  const m = svd(kh * I, kw * O, (row, column) => {
    const [y, i, x, o] = [Math.floor(row / I), row % I, Math.floor(column / O), column % O];
    return w[((y * kw + x) * I + i) * O + o]!;
  });
  return {
    matrices: [m],
    parts: ([R = 1]) => [
      {
        suffix: 'vertical',
        op: { ...op, ...along(op, 0), out: R, bias: false },
        shape: [kh, 1, I, R],
        kernel: filled([kh, 1, I, R], ([y = 0, , i = 0, r = 0]) => m.left(y * I + i, r) * root(m, r)),
      },
      {
        op: { ...op, ...along(op, 1) },
        shape: [1, kw, R, O],
        kernel: filled([1, kw, R, O], ([, x = 0, r = 0, o = 0]) => m.right(x * O + o, r) * root(m, r)),
      },
    ],
  };
}

/** Higher-order SVD: U_I and U_O are the left singular vectors of the two unfoldings, the core is W in their bases. */
function tucker(op: Conv, [kh, kw, I, O]: Four, w: Float32Array): Split {
  const places = kh * kw;
  const at = (p: number, i: number, o: number): number => w[(p * I + i) * O + o]!;
  const inputs = svd(I, places * O, (i, c) => at(Math.floor(c / O), i, c % O));
  const outputs = svd(O, places * I, (o, c) => at(Math.floor(c / I), c % I, o));
  const core = (R3: number, R4: number): Float32Array => {
    // projected along the inputs first, then along the outputs
    const projected = new Float64Array(places * R3 * O);
    for (let p = 0; p < places; p++)
      for (let i = 0; i < I; i++)
        for (let a = 0; a < R3; a++) {
          const u = inputs.left(i, a);
          for (let o = 0; o < O; o++) projected[(p * R3 + a) * O + o]! += u * at(p, i, o);
        }
    const all = new Float64Array(places * R3 * R4);
    for (let row = 0; row < places * R3; row++)
      for (let o = 0; o < O; o++)
        for (let b = 0; b < R4; b++) all[row * R4 + b]! += projected[row * O + o]! * outputs.left(o, b);
    return Float32Array.from(all);
  };
  return {
    matrices: [inputs, outputs],
    parts: ([R3 = 1, R4 = 1]) => [
      {
        suffix: 'squeeze',
        op: pointwise(R3, false),
        shape: [1, 1, I, R3],
        kernel: filled([1, 1, I, R3], ([, , i = 0, a = 0]) => inputs.left(i, a)),
      },
      {
        suffix: 'core',
        op: { ...op, out: R4, bias: false },
        shape: [kh, kw, R3, R4],
        kernel: () => core(R3, R4),
      },
      {
        op: pointwise(O, op.bias),
        shape: [1, 1, R4, O],
        kernel: filled([1, 1, R4, O], ([, , b = 0, o = 0]) => outputs.left(o, b)),
      },
    ],
  };
}
