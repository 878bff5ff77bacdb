#!/usr/bin/env bash
# @tensorflow/tfjs-layers 4.22.0: predict fails where one layer reads a value twice and another layer reads it later. concatenate([a, a])
# alone works; with concatenate([that, a]) behind it, predict ends in "Cannot read properties of undefined (reading 'backend')".
# It seems that each reading counts a reader down, while a value's readers are counted by layer, so that it is disposed too early.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-layers@4.22.0 @tensorflow/tfjs-backend-cpu@4.22.0
cat >run.cjs <<'JS'
const tf = require('@tensorflow/tfjs-core');
const tfl = require('@tensorflow/tfjs-layers');
require('@tensorflow/tfjs-backend-cpu');
const x = tfl.input({ shape: [2] });
const a = tfl.layers.reLU().apply(x);
const twice = tfl.layers.concatenate().apply([a, a]);
const later = tfl.layers.concatenate().apply([twice, a]);
const predict = (outputs) => {
  try {
    return tfl.model({ inputs: x, outputs }).predict(tf.tensor2d([[1, 2]])).dataSync().join();
  } catch (error) {
    return error.message;
  }
};
tf.setBackend('cpu').then(() => console.log(`${predict(twice)} | ${predict(later)}`));
JS
got=$(node run.cjs | grep '^[0-9]')
echo "one reader, a later reader: $got"
[ "$got" = "1,2,1,2 | Cannot read properties of undefined (reading 'backend')" ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
