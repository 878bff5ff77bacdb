#!/usr/bin/env bash
# @tensorflow/tfjs-backend-wasm 4.22.0: tf.fused.matMul of batches of matrices adds the bias to the first row of each matrix alone; all other
# rows get the last value of the bias in each column. The CPU backend adds the bias to each row. Seen: products of zeros with the bias 1, 2.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-backend-cpu@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0
cat >run.cjs <<'JS'
const tf = require('@tensorflow/tfjs-core');
require('@tensorflow/tfjs-backend-cpu');
require('@tensorflow/tfjs-backend-wasm');
const product = () => {
  const [a, b] = [tf.zeros([2, 2, 3]), tf.zeros([2, 3, 2])];
  return tf.fused.matMul({ a, b, bias: tf.tensor1d([1, 2]) });
};
(async () => {
  for (const backend of ['cpu', 'wasm']) {
    await tf.setBackend(backend);
    await tf.ready();
    console.log(`${backend}: ${product().dataSync().join(' ')}`);
  }
})();
JS
got=$(node run.cjs | grep '^[a-z]* *:')
echo "$got"
want='cpu: 1 2 1 2 1 2 1 2
wasm: 1 2 2 2 1 2 2 2'
[ "$got" = "$want" ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
