#!/usr/bin/env bash
# @tensorflow/tfjs-core 4.22.0: the gradient of tf.cumsum along another axis than the last comes back transposed, and of a square
# matrix without any error. y = sum of w * cumsum(x, 0) has the gradient cumsum of w from below, along the same axis.
# Seen: w = [[1, 2], [3, 4]]: gradient 4,3,6,4; finite differences are 4,6,3,4.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-layers@4.22.0 @tensorflow/tfjs-backend-cpu@4.22.0
cat >run.cjs <<'JS'
const tf = require('@tensorflow/tfjs-core');
require('@tensorflow/tfjs-layers'); // registers the gradients
require('@tensorflow/tfjs-backend-cpu');
const w = tf.tensor2d([1, 2, 3, 4], [2, 2]);
const y = (x) => tf.sum(tf.mul(tf.cumsum(x, 0), w));
tf.setBackend('cpu').then(() => {
  const slope = tf.grad(y)(tf.zeros([2, 2])).dataSync().join();
  const difference = [0, 1, 2, 3].map((i) => y(tf.tensor2d([0, 1, 2, 3].map((k) => Number(k === i)), [2, 2])).dataSync()[0]);
  console.log(slope, difference.join());
});
JS
got=$(node run.cjs | grep '^[0-9]')
echo "gradient, finite differences: $got"
[ "$got" = '4,3,6,4 4,6,3,4' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
