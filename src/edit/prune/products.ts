/**
 * @file Products and positive definite systems of float64 matrices, stored row by row in one array. ml-matrix takes 2 to 6
 * times as long, since it stores each row as an array of its own.
 */

/** The product a b': rows of `a` by rows of `b`, each `inner` long. */
export interface Product {
  readonly a: Float64Array;
  readonly b: Float64Array;
  readonly inner: number;
}

/** The number of elements of a row that are multiplied at a time, so that the rows of a block stay in the cache. */
const span = 512;

/** The product a b', [rows of a, rows of b], flat. When a is b, only one half is computed. */
export function multiply({ a, b, inner }: Product): Float64Array {
  const [rows, columns] = [a.length / inner, b.length / inner];
  const product = new Float64Array(rows * columns);
  for (let from = 0; from < inner; from += span) {
    const to = Math.min(inner, from + span);
    for (let i = 0; i < rows; i += 2)
      for (let j = a === b ? i - (i % 4) : 0; j < columns; j += 4) {
        if (i + 2 <= rows && j + 4 <= columns) addBlock(product, columns, a, b, inner, i, j, from, to);
        else
          for (let p = i; p < Math.min(rows, i + 2); p++)
            for (let q = j; q < Math.min(columns, j + 4); q++) {
              product[p * columns + q]! += dot(a, p * inner, b, q * inner, from, to);
            }
      }
  }
  if (a === b)
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < i; j++) product[i * columns + j] = product[j * columns + i]!;
  return product;
}

/** Adds the products of two rows of a and four rows of b: each number is read once for several products. */
function addBlock(
  product: Float64Array,
  columns: number,
  a: Float64Array,
  b: Float64Array,
  inner: number,
  i: number,
  j: number,
  from: number,
  to: number,
): void {
  const [a0, a1] = [i * inner, (i + 1) * inner];
  const [b0, b1, b2, b3] = [j * inner, (j + 1) * inner, (j + 2) * inner, (j + 3) * inner];
  let s00 = 0;
  let s01 = 0;
  let s02 = 0;
  let s03 = 0;
  let s10 = 0;
  let s11 = 0;
  let s12 = 0;
  let s13 = 0;
  for (let k = from; k < to; k++) {
    const x = a[a0 + k]!;
    const y = a[a1 + k]!;
    const p = b[b0 + k]!;
    const q = b[b1 + k]!;
    const r = b[b2 + k]!;
    const s = b[b3 + k]!;
    s00 += x * p;
    s01 += x * q;
    s02 += x * r;
    s03 += x * s;
    s10 += y * p;
    s11 += y * q;
    s12 += y * r;
    s13 += y * s;
  }
  for (const [n, sum] of [s00, s01, s02, s03].entries()) {
    product[i * columns + j + n]! += sum;
  }
  for (const [n, sum] of [s10, s11, s12, s13].entries()) {
    product[(i + 1) * columns + j + n]! += sum;
  }
}

/** The sum of products of elements `from` to `to` of two rows, in four partial sums that the processor can add in parallel. */
function dot(a: Float64Array, rowA: number, b: Float64Array, rowB: number, from: number, to: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let k = from;
  for (; k + 4 <= to; k += 4) {
    s0 += a[rowA + k]! * b[rowB + k]!;
    s1 += a[rowA + k + 1]! * b[rowB + k + 1]!;
    s2 += a[rowA + k + 2]! * b[rowB + k + 2]!;
    s3 += a[rowA + k + 3]! * b[rowB + k + 3]!;
  }
  for (; k < to; k++) s0 += a[rowA + k]! * b[rowB + k]!;
  return s0 + s1 + s2 + s3;
}

/** [columns, rows] of [rows, columns]. */
export function transpose(matrix: Float64Array, columns: number): Float64Array {
  const rows = matrix.length / columns;
  const transposed = new Float64Array(matrix.length);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) transposed[j * rows + i] = matrix[i * columns + j]!;
  return transposed;
}

/**
 * Solves (G + r I) X = B for X by the Cholesky decomposition: G [n, n] is symmetric and positive semidefinite, r > 0, and
 * B is [n, columns]. Both arrays are overwritten; X is returned in that of B.
 */
export function solveDefinite(gram: Float64Array, r: number, right: Float64Array): Float64Array {
  const n = Math.sqrt(gram.length);
  const columns = right.length / n;
  for (let i = 0; i < n; i++) {
    const row = i * n;
    for (let j = 0; j < i; j++) {
      const rest = gram[row + j]! - dot(gram, row, gram, j * n, 0, j);
      gram[row + j] = rest / gram[j * n + j]!;
    }
    // a pivot is at least r, apart from rounding, since G is positive semidefinite
    const pivot = gram[row + i]! + r - dot(gram, row, gram, row, 0, i);
    gram[row + i] = Math.sqrt(Math.max(pivot, r));
  }
  const subtract = (to: number, from: number, factor: number): void => {
    for (let c = 0; c < columns; c++) right[to + c]! -= factor * right[from + c]!;
  };
  const divide = (row: number, by: number): void => {
    for (let c = 0; c < columns; c++) right[row + c]! /= by;
  };
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) subtract(i * columns, k * columns, gram[i * n + k]!);
    divide(i * columns, gram[i * n + i]!);
  }
  for (let i = n - 1; i >= 0; i--) {
    divide(i * columns, gram[i * n + i]!);
    for (let k = 0; k < i; k++) subtract(k * columns, i * columns, gram[i * n + k]!);
  }
  return right;
}
