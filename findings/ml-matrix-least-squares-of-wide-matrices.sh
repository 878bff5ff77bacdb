#!/usr/bin/env bash
# ml-matrix 6.15.1: solve(A, b, true), which solves by singular values and is meant for matrices that have no inverse, fails with a TypeError of
# its own inside where A has more columns than rows; so does QR of such a matrix. pseudoInverse, by the same singular values, takes it, and its
# product with b is the solution of least norm.
# Seen, for A = [1 2 2] and b = 9: "TypeError" and "TypeError"; by pseudoInverse 1 2 2.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --prefix . ml-matrix@6.15.1 >/dev/null
cat >run.mjs <<'JS'
import { Matrix, pseudoInverse, QrDecomposition, solve } from 'ml-matrix';

const [a, b] = [new Matrix([[1, 2, 2]]), new Matrix([[9]])];
const outcome = (f) => {
  try {
    return f().to1DArray().map((v) => v.toFixed(4)).join(' ');
  } catch (e) {
    return e.constructor.name;
  }
};
console.log([() => solve(a, b, true), () => new QrDecomposition(a).upperTriangularMatrix, () => pseudoInverse(a).mmul(b)].map(outcome).join(', '));
JS
got=$(node run.mjs 2>/dev/null)
echo "solve, QR, pseudoInverse: $got"
[ "$got" = 'TypeError, TypeError, 1.0000 2.0000 2.0000' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
