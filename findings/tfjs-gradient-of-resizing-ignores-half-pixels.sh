#!/usr/bin/env bash
# @tensorflow/tfjs-core 4.22.0: tf.image.resizeBilinear takes halfPixelCenters, and its gradient does not: it is that of another resizing.
# Seen: the sum of 2 x 2 pixels resized to 4 x 4, where by symmetry each pixel counts 4 times, as finite differences say.
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
const y = (x) => tf.sum(tf.image.resizeBilinear(x, [4, 4], false, true));
const text = (values) => Array.from(values, (v) => v.toFixed(2)).join(' ');
tf.setBackend('cpu').then(() => {
  const at = (i) => y(tf.reshape(tf.oneHot(tf.tensor1d([i], 'int32'), 4), [1, 2, 2, 1])).dataSync()[0];
  console.log(`gradient: ${text(tf.grad(y)(tf.zeros([1, 2, 2, 1])).dataSync())}`);
  console.log(`difference: ${text([0, 1, 2, 3].map(at))}`);
});
JS
got=$(node run.cjs | grep '^[a-z]* *:')
echo "$got"
want='gradient: 2.25 3.75 3.75 6.25
difference: 4.00 4.00 4.00 4.00'
[ "$got" = "$want" ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
