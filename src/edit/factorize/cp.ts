/**
 * @file Canonical polyadic decomposition of a kernel: W = sum over r of y_r o x_r o i_r o o_r. The layers are a 1 x 1 conv
 * to R channels, a kh x 1 and a 1 x kw depthwise conv, and a 1 x 1 conv to O channels. Lebedev et al. 2015,
 * arXiv:1412.6553. Found by alternating least squares: with the other three factors fixed, each solves a linear problem,
 *
 *   A_n = X_(n) (khatri-rao of the others) (hadamard product of their gram matrices)^-1.
 */
import { Matrix, solve } from 'ml-matrix';
import { item } from '../../access.ts';
import type { Conv } from '../../graph/index.ts';
import { random } from '../../random.ts';
import { along, type Four, type Part } from './split.ts';
import { svd } from './svd.ts';

export interface CpOptions {
  /** The largest number of rounds of alternating least squares; 200 by default. */
  readonly rounds?: number;
  /** Of the first factors; 0 by default. */
  readonly seed?: number;
}
/** Factors [kh, R], [kw, R], [I, R], [O, R], row by row, and the relative error |W - W'| / |W|. */
export interface Cp {
  readonly rank: number;
  readonly factors: Factors;
  readonly error: number;
}

/** One value for each axis of a kernel. */
type Factors = readonly [y: Float64Array, x: Float64Array, inputs: Float64Array, outputs: Float64Array];
const modes = [0, 1, 2, 3] as const;
type Mode = (typeof modes)[number];

/** The decomposition of a kernel of this shape, [kh, kw, I, O], into `rank` terms. */
export function cp(
  shape: Four,
  w: Float32Array,
  rank: number,
  { rounds = 200, seed = 0 }: CpOptions = {},
): Cp {
  const source = random('cp', seed, rank, ...shape);
  const norm = Math.sqrt(w.reduce((sum, v) => sum + v * v, 0)) || 1;
  const initial = (mode: Mode): Float64Array => initialFactor(shape, w, mode, rank, source.normal);
  const factors: [...Factors] = [initial(0), initial(1), initial(2), initial(3)];
  const grams = factors.map((f) => gram(f, rank));
  let error = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    let fit = 0;
    for (const mode of modes) {
      const product = mttkrp(shape, w, factors, mode, rank);
      const joint = hadamard(grams, mode, rank);
      const factor = solved(product, joint, shape[mode], rank);
      factors[mode] = factor;
      grams[mode] = gram(factor, rank);
      // <W, W'> follows from the last product
      fit = product.reduce((sum, v, k) => sum + v * factor[k]!, 0);
    }
    const square = hadamard(grams, undefined, rank).reduce((sum, v) => sum + v, 0);
    const now = Math.sqrt(Math.max(0, norm * norm - 2 * fit + square)) / norm;
    if (error - now < 1e-7) {
      error = Math.min(error, now);
      break;
    }
    error = now;
  }
  return { rank, factors: balanced(factors, rank), error };
}

/** The singular vectors of the unfolding, followed by random columns. */
function initialFactor(
  shape: Four,
  w: Float32Array,
  mode: Mode,
  rank: number,
  normal: () => number,
): Float64Array {
  const n = shape[mode];
  const stride = shape.slice(mode + 1).reduce((a, b) => a * b, 1);
  const columns = w.length / n;
  const m = svd(n, columns, (i, c) => w[Math.floor(c / stride) * stride * n + i * stride + (c % stride)]!);
  const known = Math.min(n, columns);
  return Float64Array.from({ length: n * rank }, (_, k) => {
    const [i, r] = [Math.floor(k / rank), k % rank];
    return r < known ? m.left(i, r) + 0.05 * normal() : normal() / Math.sqrt(n);
  });
}

function gram(f: Float64Array, rank: number): Float64Array {
  const g = new Float64Array(rank * rank);
  for (let row = 0; row < f.length; row += rank)
    for (let a = 0; a < rank; a++)
      for (let b = 0; b < rank; b++) g[a * rank + b]! += f[row + a]! * f[row + b]!;
  return g;
}

/** The entrywise product of all gram matrices except that of one mode. */
function hadamard(grams: readonly Float64Array[], except: Mode | undefined, rank: number): Float64Array {
  const all = new Float64Array(rank * rank).fill(1);
  grams.forEach((g, mode) => {
    if (mode !== except) for (let k = 0; k < all.length; k++) all[k]! *= g[k]!;
  });
  return all;
}

/** X_(mode) times the Khatri-Rao product of the other factors, [n, R]. */
function mttkrp(
  [kh, kw, I, O]: Four,
  w: Float32Array,
  factors: Factors,
  mode: Mode,
  rank: number,
): Float64Array {
  const [fy, fx, fi, fo] = factors;
  const out = new Float64Array(factors[mode].length);
  const inner = new Float64Array(rank);
  for (let y = 0; y < kh; y++)
    for (let x = 0; x < kw; x++)
      for (let i = 0; i < I; i++) {
        const from = ((y * kw + x) * I + i) * O;
        if (mode === 3) {
          for (let r = 0; r < rank; r++) inner[r] = fy[y * rank + r]! * fx[x * rank + r]! * fi[i * rank + r]!;
          for (let o = 0; o < O; o++) {
            const v = w[from + o]!;
            for (let r = 0; r < rank; r++) out[o * rank + r]! += v * inner[r]!;
          }
          continue;
        }
        inner.fill(0);
        for (let o = 0; o < O; o++) {
          const v = w[from + o]!;
          for (let r = 0; r < rank; r++) inner[r]! += v * fo[o * rank + r]!;
        }
        const row = mode === 0 ? y : mode === 1 ? x : i;
        for (let r = 0; r < rank; r++) {
          const others =
            (mode === 0 ? 1 : fy[y * rank + r]!) *
            (mode === 1 ? 1 : fx[x * rank + r]!) *
            (mode === 2 ? 1 : fi[i * rank + r]!);
          out[row * rank + r]! += inner[r]! * others;
        }
      }
  return out;
}

/** F with F G = P, for a symmetric G that may be nearly singular: a little of the identity is added. */
function solved(product: Float64Array, joint: Float64Array, n: number, rank: number): Float64Array {
  const g = Matrix.from1DArray(rank, rank, joint);
  const ridge = 1e-10 * (g.trace() / rank) + 1e-300;
  for (let r = 0; r < rank; r++) g.set(r, r, g.get(r, r) + ridge);
  const f = solve(g, Matrix.from1DArray(n, rank, product).transpose());
  return Float64Array.from({ length: n * rank }, (_, k) => f.get(k % rank, Math.floor(k / rank)));
}

/** Scales the columns of the four factors to equal norms, so that further training is stable. */
function balanced(factors: Factors, rank: number): Factors {
  const normsOf = (f: Float64Array): readonly number[] =>
    Array.from({ length: rank }, (_, r) => {
      let sum = 0;
      for (let k = r; k < f.length; k += rank) sum += f[k]! ** 2;
      return Math.sqrt(sum);
    });
  const norms = factors.map(normsOf);
  const even = Array.from(
    { length: rank },
    (_, r) => norms.reduce((product, norm) => product * item(norm, r), 1) ** (1 / factors.length),
  );
  const scaled = (f: Float64Array, norm: readonly number[]): Float64Array =>
    f.map((v, k) => {
      const length = item(norm, k % rank);
      return length ? (v * item(even, k % rank)) / length : 0;
    });
  const [fy, fx, fi, fo] = factors;
  return [
    scaled(fy, item(norms, 0)),
    scaled(fx, item(norms, 1)),
    scaled(fi, item(norms, 2)),
    scaled(fo, item(norms, 3)),
  ];
}

/** The four layers of a decomposition of rank R, whose factors are computed only when a kernel is needed. */
export function cpParts(op: Conv, [kh, kw, I, O]: Four, R: number, factors: () => Factors): readonly Part[] {
  const point = { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], padding: 'valid', groups: 1 } as const;
  const deep = { out: R, groups: R, bias: false } as const;
  return [
    {
      suffix: 'squeeze',
      op: { ...op, ...point, out: R, bias: false },
      shape: [1, 1, I, R],
      kernel: () => Float32Array.from(factors()[2]),
    },
    {
      suffix: 'vertical',
      op: { ...op, ...along(op, 0), ...deep },
      shape: [kh, 1, 1, R],
      kernel: () => Float32Array.from(factors()[0]),
    },
    {
      suffix: 'horizontal',
      op: { ...op, ...along(op, 1), ...deep },
      shape: [1, kw, 1, R],
      kernel: () => Float32Array.from(factors()[1]),
    },
    {
      op: { ...op, ...point, bias: op.bias },
      shape: [1, 1, R, O],
      kernel: () => {
        const outputs = factors()[3];
        return Float32Array.from({ length: R * O }, (_, k) => outputs[(k % O) * R + Math.floor(k / O)]!);
      },
    },
  ];
}
