/** @file Least squares: products and systems against ml-matrix, either form of the solution, the error that is left. */
import { expect } from 'chai';
import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import { leastSquares } from '../../src/edit/prune/least-squares.ts';
import { multiply, solveDefinite, transpose } from '../../src/edit/prune/products.ts';
import { random } from '../../src/random.ts';
import { fc } from '../support/property.ts';

const normal = (seed: number, n: number): Float64Array =>
  Float64Array.from({ length: n }, random('ls', seed).normal);
const rowsOf = (data: ArrayLike<number>, columns: number): Matrix =>
  new Matrix(
    Array.from({ length: data.length / columns }, (_, i) =>
      Array.from(data).slice(i * columns, (i + 1) * columns),
    ),
  );
const expectNear = (got: ArrayLike<number>, wanted: Matrix, bound: number): void => {
  const flat = wanted.to1DArray();
  const scale = flat.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  expect(got.length).to.equal(flat.length);
  for (const [i, v] of flat.entries()) expect(got[i]).to.be.closeTo(v, bound * (scale || 1));
};
const size = fc.integer({ min: 1, max: 11 });

describe('least squares', () => {
  it('products of any sizes, with itself too', () => {
    fc.assert(
      fc.property(size, size, fc.constantFrom(1, 2, 5, 511, 513, 1030), fc.integer(), (m, n, inner, seed) => {
        const [a, b] = [normal(seed, m * inner), normal(seed + 1, n * inner)];
        const [x, y] = [rowsOf(a, inner), rowsOf(b, inner)];
        expectNear(multiply({ a, b, inner }), x.mmul(y.transpose()), 1e-13);
        expectNear(multiply({ a, b: a, inner }), x.mmul(x.transpose()), 1e-13);
        expect(transpose(transpose(a, inner), m)).to.deep.equal(a);
      }),
      { numRuns: 60 },
    );
  });
  it('definite systems, of a Gram matrix that is singular too', () => {
    fc.assert(
      fc.property(size, size, size, fc.integer(), (n, rank, columns, seed) => {
        const a = normal(seed, n * rank);
        const right = normal(seed + 1, n * columns);
        const gram = multiply({ a, b: a, inner: rank });
        const full = rowsOf(gram, n);
        for (let i = 0; i < n; i++) full.set(i, i, full.get(i, i) + 0.1);
        const wanted = new CholeskyDecomposition(full).solve(rowsOf(right, columns));
        expectNear(solveDefinite(gram, 0.1, right), wanted, 1e-10);
      }),
      { numRuns: 100 },
    );
  });
  it('the fit is (X X + r)^-1 X R, with more rows than weights or fewer; what is left is what remains', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 24 }),
        fc.integer({ min: 1, max: 12 }),
        fc.boolean(),
        fc.integer(),
        (n, c, biased, seed) => {
          const [outs, ridge] = [3, 0.01];
          const float = (s: number, length: number): Float32Array => Float32Array.from(normal(s, length));
          const [inputs, wanted, kernel] = [
            float(seed, n * c),
            float(seed + 1, n * outs),
            float(seed + 2, c * outs),
          ];
          const bias = biased ? float(seed + 3, outs) : undefined;
          const fit = leastSquares({
            op: { kind: 'dense', out: outs, bias: biased },
            kernel,
            bias,
            inputShape: [c],
            inputs,
            wanted: (e, _, j) => wanted[e * outs + j] as number,
            at: Array.from({ length: n }, (_, e) => [e, 0] as const),
            ridge,
          });
          const x = rowsOf(inputs, c);
          if (bias) x.addColumn(new Array<number>(n).fill(1));
          const w = rowsOf(bias ? [...kernel, ...bias] : kernel, outs);
          const rest = Matrix.sub(rowsOf(wanted, outs), x.mmul(w));
          const gram = x.transpose().mmul(x);
          const r = (ridge * gram.trace()) / gram.rows;
          const change = new CholeskyDecomposition(Matrix.add(gram, Matrix.eye(gram.rows).mul(r))).solve(
            x.transpose().mmul(rest),
          );
          const now = Matrix.add(w, change);
          expectNear([...fit.kernel, ...(fit.bias ?? [])], now, 1e-5);
          expect(fit.before).to.be.closeTo(rest.norm() ** 2 / (n * outs), 1e-9 * fit.before);
          const left = Matrix.sub(rest, x.mmul(change)).norm() ** 2 / (n * outs);
          expect(fit.after).to.be.closeTo(left, 1e-9 * fit.before);
          expect(fit.after).to.be.at.most(fit.before);
        },
      ),
      { numRuns: 100 },
    );
  });
});
