/**
 * @file Canonical polyadic decomposition of a kernel: W = sum over r of y_r o x_r o i_r o o_r, hence a 1 x 1 conv to R, a
 * kh x 1 and a 1 x kw depthwise conv, a 1 x 1 conv to O. Lebedev et al. 2015, arXiv:1412.6553. Found by alternating least
 * squares: with the other three factors fixed, each is the solution of a linear problem,
 *
 *   A_n = X_(n) (khatri-rao of the others) (hadamard product of their gram matrices)^-1.
 */
import { Matrix, solve } from 'ml-matrix';
import type { Conv } from '../../graph/index.ts';
import { random } from '../../random.ts';
import { along, type Part } from './split.ts';
import { svd } from './svd.ts';

export interface CpOptions {
  /** Rounds of alternating least squares at most; 200 unless told. */
  readonly rounds?: number;
  readonly seed?: number;
}
/** Factors [kh, R], [kw, R], [I, R], [O, R], row by row, and the relative error |W - W'| / |W|. */
export interface Cp {
  readonly rank: number;
  readonly factors: readonly Float64Array[];
  readonly error: number;
}

type Four = readonly [number, number, number, number];

export function cp(
  shape: Four,
  w: Float32Array,
  rank: number,
  { rounds = 200, seed = 0 }: CpOptions = {},
): Cp {
  const source = random('cp', seed, rank, ...shape);
  const norm = Math.sqrt(w.reduce((sum, v) => sum + v * v, 0)) || 1;
  const factors = shape.map((n, mode) => firstFactor(shape, w, mode, n, rank, source.normal));
  const grams = factors.map((f) => gram(f, rank));
  let error = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    let fit = 0;
    for (let mode = 0; mode < 4; mode++) {
      const product = mttkrp(shape, w, factors, mode, rank);
      const joint = hadamard(grams, mode, rank);
      factors[mode] = solved(product, joint, shape[mode] as number, rank);
      grams[mode] = gram(factors[mode] as Float64Array, rank);
      // <W, W'> is known from the last product
      fit = product.reduce((sum, v, k) => sum + v * ((factors[mode] as Float64Array)[k] as number), 0);
    }
    const own = hadamard(grams, -1, rank).reduce((sum, v) => sum + v, 0);
    const now = Math.sqrt(Math.max(0, norm * norm - 2 * fit + own)) / norm;
    if (error - now < 1e-7) {
      error = Math.min(error, now);
      break;
    }
    error = now;
  }
  return { rank, factors: evened(factors, rank), error };
}

/** Singular vectors of the unfolding as far as they go, random columns after. */
function firstFactor(
  shape: Four,
  w: Float32Array,
  mode: number,
  n: number,
  rank: number,
  normal: () => number,
): Float64Array {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const stride = strides[mode] as number;
  const columns = w.length / n;
  const m = svd(
    n,
    columns,
    (i, c) => w[Math.floor(c / stride) * stride * n + i * stride + (c % stride)] as number,
  );
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
      for (let b = 0; b < rank; b++)
        g[a * rank + b] = (g[a * rank + b] as number) + (f[row + a] as number) * (f[row + b] as number);
  return g;
}

/** The product of all gram matrices but that of `but`, entry by entry. */
function hadamard(grams: readonly Float64Array[], but: number, rank: number): Float64Array {
  const all = new Float64Array(rank * rank).fill(1);
  grams.forEach((g, mode) => {
    if (mode !== but) for (let k = 0; k < all.length; k++) all[k] = (all[k] as number) * (g[k] as number);
  });
  return all;
}

/** X_(mode) times the Khatri-Rao product of the other factors, [n, R]. */
function mttkrp(
  [kh, kw, I, O]: Four,
  w: Float32Array,
  factors: readonly Float64Array[],
  mode: number,
  rank: number,
): Float64Array {
  const [fy, fx, fi, fo] = factors as [Float64Array, Float64Array, Float64Array, Float64Array];
  const out = new Float64Array((factors[mode] as Float64Array).length);
  const inner = new Float64Array(rank);
  for (let y = 0; y < kh; y++)
    for (let x = 0; x < kw; x++)
      for (let i = 0; i < I; i++) {
        const from = ((y * kw + x) * I + i) * O;
        if (mode === 3) {
          for (let r = 0; r < rank; r++)
            inner[r] =
              (fy[y * rank + r] as number) * (fx[x * rank + r] as number) * (fi[i * rank + r] as number);
          for (let o = 0; o < O; o++) {
            const v = w[from + o] as number;
            for (let r = 0; r < rank; r++)
              out[o * rank + r] = (out[o * rank + r] as number) + v * (inner[r] as number);
          }
          continue;
        }
        inner.fill(0);
        for (let o = 0; o < O; o++) {
          const v = w[from + o] as number;
          for (let r = 0; r < rank; r++) inner[r] = (inner[r] as number) + v * (fo[o * rank + r] as number);
        }
        const row = [y, x, i][mode] as number;
        for (let r = 0; r < rank; r++) {
          const others =
            (mode === 0 ? 1 : (fy[y * rank + r] as number)) *
            (mode === 1 ? 1 : (fx[x * rank + r] as number)) *
            (mode === 2 ? 1 : (fi[i * rank + r] as number));
          out[row * rank + r] = (out[row * rank + r] as number) + (inner[r] as number) * others;
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

/** Each column of the four factors at the same length: nothing explodes when training goes on. */
function evened(factors: readonly Float64Array[], rank: number): readonly Float64Array[] {
  const lengths = factors.map((f) =>
    Array.from({ length: rank }, (_, r) => {
      let sum = 0;
      for (let k = r; k < f.length; k += rank) sum += (f[k] as number) ** 2;
      return Math.sqrt(sum);
    }),
  );
  const even = Array.from(
    { length: rank },
    (_, r) => lengths.reduce((product, l) => product * (l[r] as number), 1) ** (1 / factors.length),
  );
  return factors.map((f, mode) =>
    f.map((v, k) => {
      const length = (lengths[mode] as readonly number[])[k % rank] as number;
      return length ? (v * (even[k % rank] as number)) / length : 0;
    }),
  );
}

/** The four layers of a decomposition. */
export function cpParts(op: Conv, [kh, kw, I, O]: Four, { rank: R, factors }: Cp): readonly Part[] {
  const [fy, fx, fi, fo] = factors as [Float64Array, Float64Array, Float64Array, Float64Array];
  const point = { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], padding: 'valid', groups: 1 } as const;
  const deep = { out: R, groups: R, bias: false } as const;
  return [
    {
      suffix: 'squeeze',
      op: { ...op, ...point, out: R, bias: false },
      shape: [1, 1, I, R],
      kernel: () => Float32Array.from(fi),
    },
    {
      suffix: 'vertical',
      op: { ...op, ...along(op, 0), ...deep },
      shape: [kh, 1, 1, R],
      kernel: () => Float32Array.from(fy),
    },
    {
      suffix: 'horizontal',
      op: { ...op, ...along(op, 1), ...deep },
      shape: [1, kw, 1, R],
      kernel: () => Float32Array.from(fx),
    },
    {
      op: { ...op, ...point, bias: op.bias },
      shape: [1, 1, R, O],
      kernel: () =>
        Float32Array.from({ length: R * O }, (_, k) => fo[(k % O) * R + Math.floor(k / O)] as number),
    },
  ];
}
