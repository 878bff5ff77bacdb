#!/usr/bin/env bash
# @tensorflow/tfjs-backend-wasm 4.22.0: PReLU with slopes that are shared along the last axis or along columns takes the slopes in a round,
# one value after another, and not by their place. The CPU backend is right; slopes for each channel, and for each value, are right on both.
# Seen: tf.layers.prelu({ sharedAxes: [2] }) with the slope 1 for the first row and 2 for the second, of -1 everywhere.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-layers@4.22.0 @tensorflow/tfjs-backend-cpu@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0
cat >run.cjs <<'JS'
const tf = require('@tensorflow/tfjs-core');
require('@tensorflow/tfjs-backend-cpu');
require('@tensorflow/tfjs-backend-wasm');
const layers = require('@tensorflow/tfjs-layers');
const slopes = () => {
  const x = tf.neg(tf.ones([1, 2, 3, 1]));
  const layer = layers.layers.prelu({ sharedAxes: [2] });
  layer.apply(x); // builds it
  layer.setWeights([tf.tensor([1, 2], [2, 1, 1])]);
  return layer.apply(x);
};
(async () => {
  for (const backend of ['cpu', 'wasm']) {
    await tf.setBackend(backend);
    await tf.ready();
    console.log(`${backend}: ${slopes().dataSync().join(' ')}`);
  }
})();
JS
got=$(node run.cjs | grep '^[a-z]* *:')
echo "$got"
want='cpu: -1 -1 -1 -2 -2 -2
wasm: -1 -2 -1 -2 -1 -2'
[ "$got" = "$want" ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
