/** @file The singular value decomposition of plain arrays, by ml-matrix, and the choice of ranks by singular values. */
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';

/** M = U diag(s) V^T, [rows, columns], with n = min(rows, columns) singular values from large to small. */
export interface Svd {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float64Array;
  /** Entry (i, k) of U, [rows, n]. */
  left(i: number, k: number): number;
  /** Entry (j, k) of V, [columns, n]. */
  right(j: number, k: number): number;
}

/**
 * The decomposition of M [rows, columns], given by its entries. It takes the eigenvectors of the smaller of M M^T and
 * M^T M: a kernel's matrix is often ten times longer than wide, and the library's own decomposition takes minutes instead of
 * seconds. Ranks and errors depend on squared singular values only, which are exact to the rounding of their sum. The
 * singular vectors of the longer side are computed from M and the others; they are zero where the value is (relative to
 * the largest, below 1e-7).
 */
export function svd(rows: number, columns: number, at: (i: number, j: number) => number): Svd {
  const tall = rows > columns;
  const [n, long] = tall ? [columns, rows] : [rows, columns];
  // the smaller side first: m[a, b] with a < n
  const m = new Float64Array(n * long);
  for (let a = 0; a < n; a++) for (let b = 0; b < long; b++) m[a * long + b] = tall ? at(b, a) : at(a, b);
  const gram = Matrix.zeros(n, n);
  for (let a = 0; a < n; a++)
    for (let c = 0; c <= a; c++) {
      let sum = 0;
      for (let b = 0; b < long; b++) sum += m[a * long + b]! * m[c * long + b]!;
      gram.set(a, c, sum);
      gram.set(c, a, sum);
    }
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(gram, { assumeSymmetric: true });
  const order = [...realEigenvalues.keys()].sort((a, b) => realEigenvalues[b]! - realEigenvalues[a]!);
  const values = Float64Array.from(order, (k) => Math.sqrt(Math.max(0, realEigenvalues[k]!)));
  const short = (a: number, k: number): number => eigenvectorMatrix.get(a, order[k]!);
  const least = 1e-7 * values[0]!;
  const derived = new Map<number, Float64Array>();
  const longer = (b: number, k: number): number => {
    let vector = derived.get(k);
    if (!vector) {
      vector = new Float64Array(long);
      const scale = values[k]! > least ? 1 / values[k]! : 0;
      for (let a = 0; a < n; a++) {
        const u = short(a, k) * scale;
        for (let c = 0; c < long; c++) vector[c]! += u * m[a * long + c]!;
      }
      derived.set(k, vector);
    }
    return vector[b]!;
  };
  return { rows, columns, values, left: tall ? longer : short, right: tall ? short : longer };
}

const squares = (values: Float64Array, from = 0): number =>
  values.subarray(from).reduce((sum, v) => sum + v * v, 0);

/** Squared error of keeping the largest `rank` singular values: the discarded energy (Eckart and Young 1936). */
export const discarded = (values: Float64Array, rank: number): number => squares(values, rank);

/** The smallest rank that keeps a share of the energy (the sum of squared singular values). */
export function rankByEnergy(values: Float64Array, share: number): number {
  const allowed = (1 - share) * squares(values);
  let [rank, lost] = [values.length, 0];
  while (rank > 1) {
    lost += values[rank - 1]! ** 2;
    if (lost > allowed * (1 + 1e-12)) break;
    rank--;
  }
  return rank;
}

/**
 * The rank that empirical variational Bayes finds in a matrix with noise of unknown variance, at least 1 (Nakajima et al.
 * 2013, JMLR 14, theorem 2; the approximate threshold of corollary 3). Kim et al. 2016 choose Tucker's ranks by it.
 *
 * With L <= M the sides, a = L/M, t = 2.5129 sqrt(a), x = s^2 / (M v): the variance v minimizes
 *   sum over x <= X of x - log x, plus over x > X of x - T + log((T + 1)/x) + a log(T/a + 1),
 * X = (1 + t)(1 + a/t), T = (x - (1 + a) + sqrt((x - (1 + a))^2 - 4a)) / 2; values with x > X are signal.
 */
export function rankByVbmf({ rows, columns, values }: Svd): number {
  const [L, M] = [Math.min(rows, columns), Math.max(rows, columns)];
  const a = L / M;
  const t = 2.5129 * Math.sqrt(a);
  const X = (1 + t) * (1 + a / t);
  const energies = values.map((s) => s * s);
  const most = energies.reduce((sum, e) => sum + e, 0) / (L * M);
  if (!(most > 0)) return 1;
  const split = Math.min(L, Math.ceil(L / (1 + a)));
  const rest = energies.subarray(split - 1);
  const least = Math.max(
    energies[Math.min(split, L - 1)]! / (M * X),
    rest.reduce((sum, e) => sum + e, 0) / rest.length / M,
    most * 1e-9,
  );
  const cost = (variance: number): number =>
    energies.reduce((sum, e) => {
      const x = e / (M * variance);
      if (x <= X) return sum + x - Math.log(Math.max(x, 1e-300));
      const d = x - (1 + a);
      const T = (d + Math.sqrt(Math.max(0, d * d - 4 * a))) / 2;
      return sum + x - T + Math.log((T + 1) / x) + a * Math.log(T / a + 1);
    }, 0);
  // a function of one variable with several local minima: a fine grid in the logarithm
  let [best, lowest] = [most, Number.POSITIVE_INFINITY];
  const steps = 400;
  for (let i = 0; i <= steps; i++) {
    const variance = Math.min(least, most) * (most / Math.min(least, most)) ** (i / steps);
    const value = cost(variance);
    if (value < lowest) [best, lowest] = [variance, value];
  }
  return Math.max(1, energies.filter((e) => e > M * best * X).length);
}
