#!/usr/bin/env bash
# @tensorflow/tfjs-backend-wasm 4.22.0: the gradient of tf.conv3d for its input is wrong in the last places along the depth; the CPU backend
# is right. Seen: a conv of (1, 2) along a depth of 4, its three values weighed by 1, 2 and 3: 1, 2 + 2, 3 + 4 and 6.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-layers@4.22.0 @tensorflow/tfjs-backend-cpu@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0
cat >run.cjs <<'JS'
const tf = require('@tensorflow/tfjs-core');
require('@tensorflow/tfjs-layers'); // registers the gradients
require('@tensorflow/tfjs-backend-cpu');
require('@tensorflow/tfjs-backend-wasm');
const y = (x) => {
  const conv = tf.conv3d(x, tf.tensor([1, 2], [2, 1, 1, 1, 1]), 1, 'valid');
  return tf.sum(tf.mul(conv, tf.tensor([1, 2, 3], [1, 3, 1, 1, 1])));
};
(async () => {
  for (const backend of ['cpu', 'wasm']) {
    await tf.setBackend(backend);
    await tf.ready();
    console.log(`${backend}: ${tf.grad(y)(tf.zeros([1, 4, 1, 1, 1])).dataSync().join(' ')}`);
  }
})();
JS
got=$(node run.cjs | grep '^[a-z]* *:')
echo "$got"
want='cpu: 1 4 7 6
wasm: 1 4 4 0'
[ "$got" = "$want" ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
