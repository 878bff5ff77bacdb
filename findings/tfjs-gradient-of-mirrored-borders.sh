#!/usr/bin/env bash
# @tensorflow/tfjs-core 4.22.0: the gradient of tf.mirrorPad is cut out of the middle; what the mirrored border adds to the values that it
# repeats is missing. Seen: the sum of [a, b, c, d] with a reflected border of 2 and 1 has the gradient 1 1 1 1; finite differences,
# exact for a sum, are 1 2 3 1 (c is there three times).
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
const y = (x) => tf.sum(tf.mirrorPad(x, [[2, 1]], 'reflect'));
tf.setBackend('cpu').then(() => {
  const at = (i, by) => y(tf.tensor1d([0, 0, 0, 0].map((v, j) => (i === j ? by : v)))).dataSync()[0];
  console.log(`gradient: ${tf.grad(y)(tf.zeros([4])).dataSync().join(' ')}`);
  console.log(`difference: ${[0, 1, 2, 3].map((i) => at(i, 1)).join(' ')}`);
});
JS
got=$(node run.cjs | grep '^[a-z]* *:')
echo "$got"
want='gradient: 1 1 1 1
difference: 1 2 3 1'
[ "$got" = "$want" ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
