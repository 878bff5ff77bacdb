#!/usr/bin/env bash
# @tensorflow/tfjs-backend-wasm 4.22.0: a matrix that was the right operand of matMul, then is reshaped and multiplied again, is
# read in its first shape. No error: other numbers than the cpu backend's. A reshape shares its data with the original, and
# the backend seems to keep what it prepared of a right operand by that data alone.
# Seen: [1..8] x reshape(b, [8, 6]) is 70,91,70,56,49,49 after [1..6] x b, and 77,99,114,122,123,117 without it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0
cat >run.cjs <<'JS'
const tf = require('@tensorflow/tfjs-core');
require('@tensorflow/tfjs-backend-wasm');
const row = (n) => tf.tensor2d(Array.from({ length: n }, (_, i) => i + 1), [1, n]);
const matrix = () => tf.tensor2d(Array.from({ length: 48 }, (_, i) => i % 7), [6, 8]);
const product = (b) => tf.matMul(row(8), tf.reshape(b, [8, 6])).dataSync().join();
tf.setBackend('wasm').then(() => {
  const b = matrix();
  tf.matMul(row(6), b).dataSync();
  console.log(product(b), product(matrix()));
});
JS
got=$(node run.cjs)
echo "after another product, alone: $got"
[ "$got" = '70,91,70,56,49,49 77,99,114,122,123,117' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
