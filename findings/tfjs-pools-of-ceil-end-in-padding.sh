#!/usr/bin/env bash
# @tensorflow/tfjs-core 4.22.0: pools with explicit padding and rounding "ceil" have a last window that lies in the padding alone: the mean of
# no values is NaN, and their maximum -Infinity. PyTorch's ceil_mode leaves out windows that begin beyond the map and its padding at the left.
# Seen: windows of 2, stride 2, of the column 1 to 5 with a border of 1.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-backend-cpu@4.22.0
cat >run.cjs <<'JS'
const tf = require('@tensorflow/tfjs-core');
require('@tensorflow/tfjs-backend-cpu');
tf.setBackend('cpu').then(() => {
  const x = tf.tensor([1, 2, 3, 4, 5], [1, 5, 1, 1]);
  const given = [[2, 1], [2, 1], [[0, 0], [1, 1], [0, 0], [0, 0]], 'ceil'];
  console.log(`mean: ${tf.avgPool(x, ...given).dataSync().join(' ')}`);
  console.log(`max: ${tf.maxPool(x, ...given).dataSync().join(' ')}`);
});
JS
got=$(node run.cjs | grep '^[a-z]* *:')
echo "$got"
want='mean: 1 2.5 4.5 NaN
max: 1 3 5 -Infinity'
[ "$got" = "$want" ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
