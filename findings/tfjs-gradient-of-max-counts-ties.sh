#!/usr/bin/env bash
# @tensorflow/tfjs-core 4.22.0: the gradient of tf.max gives each of n equal maxima the whole gradient instead of a share, so that a
# step along a value that all n read is n times too large. Global max pooling behind a relu has such ties (zeros) at every dead map.
# Seen: y(b) = max over 16 places of (x + b), all x equal: dy/db is 16; the finite difference is 1, as is torch.amax's gradient.
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
const y = (b) => tf.max(tf.add(tf.ones([16]), b));
tf.setBackend('cpu').then(() => {
  const slope = tf.grad(y)(tf.scalar(0)).dataSync()[0];
  const at = (b) => y(tf.scalar(b)).dataSync()[0];
  const difference = (at(0.5) - at(0)) / 0.5;
  console.log(slope, difference);
});
JS
got=$(node run.cjs | grep '^[0-9]')
echo "gradient, finite difference: $got"
[ "$got" = '16 1' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
