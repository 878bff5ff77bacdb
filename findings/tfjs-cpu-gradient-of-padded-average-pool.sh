#!/usr/bin/env bash
# @tensorflow/tfjs-backend-cpu 4.22.0: tf.avgPool with padding divides each window by the places that it has inside the image, but its
# gradient divides by the whole window, so that the gradient at the border is too small. No error.
# Seen: 3x3 windows on one pixel of a 1x1 image with padding "same": the value is the pixel (slope 1), the gradient is 1/9.
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
const y = (x) => tf.sum(tf.avgPool(tf.reshape(x, [1, 1, 1, 1]), 3, 1, 'same'));
tf.setBackend('cpu').then(() => {
  const slope = tf.grad(y)(tf.scalar(0)).dataSync()[0];
  const difference = y(tf.scalar(1)).dataSync()[0] - y(tf.scalar(0)).dataSync()[0];
  console.log(slope.toFixed(4), difference.toFixed(4));
});
JS
got=$(node run.cjs | grep '^[0-9]')
echo "gradient, finite difference: $got"
[ "$got" = '0.1111 1.0000' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
