#!/usr/bin/env bash
# ml-matrix 6.15.1: echelonForm and reducedEchelonForm take the largest entry of a column as the pivot, not the largest magnitude. Where the rest
# of a column has a 0 and negative entries, 0 is taken for the pivot, the column is passed over, and what comes out is no echelon form: no error.
# The reduced form of an invertible matrix is then not the identity.
# Seen, for [1 2 3; 1 1 1; 0 0 1], whose determinant is -1: [1 2 3; 0 0 1; 0 -1 0], reduced [1 2 0; 0 0 1; 0 -1 0]; with the second row negated
# the echelon form is [1 2 3; 0 1 2; 0 0 1] and the reduced one the identity.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --prefix . ml-matrix@6.15.1 >/dev/null
cat >run.mjs <<'JS'
import { determinant, Matrix } from 'ml-matrix';

const text = (m) => m.to2DArray().map((row) => row.map((v) => v + 0).join(' ')).join('; ');
for (const sign of [1, -1]) {
  const m = new Matrix([[1, 2, 3], [sign, sign, sign], [0, 0, 1]]);
  console.log(`${determinant(m)}: ${text(m.echelonForm())} | ${text(m.reducedEchelonForm())}`);
}
JS
got=$(node run.mjs)
echo "$got"
want='-1: 1 2 3; 0 0 1; 0 -1 0 | 1 2 0; 0 0 1; 0 -1 0
1: 1 2 3; 0 1 2; 0 0 1 | 1 0 0; 0 1 0; 0 0 1'
[ "$got" = "$want" ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
