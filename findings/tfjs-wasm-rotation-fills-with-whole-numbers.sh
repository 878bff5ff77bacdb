#!/usr/bin/env bash
# @tensorflow/tfjs-backend-wasm 4.22.0: tf.image.rotateWithOffset fills the corners with the whole part of the fill value, so that a fill
# value of 0.3 beside pixels from 0 to 1 becomes black. The CPU backend fills with the value. Seen: the first corner for 0.3 and 1.7.
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
const turned = (fill) =>
  Array.from(tf.image.rotateWithOffset(tf.ones([1, 3, 3, 1]), Math.PI / 4, fill).dataSync(), (v) => v.toFixed(2));
(async () => {
  for (const backend of ['cpu', 'wasm']) {
    await tf.setBackend(backend);
    await tf.ready();
    console.log(`${backend}: ${[0.3, 1.7].map((fill) => turned(fill)[0]).join(' ')}`);
  }
})();
JS
got=$(node run.cjs | grep '^[a-z]* *:')
echo "$got"
want='cpu: 0.30 1.70
wasm: 0.00 1.00'
[ "$got" = "$want" ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
