#!/usr/bin/env bash
# @tensorflow/tfjs-core 4.22.0: tf.pool with padding "same" leaves the border out of maxima and means, but with a dilation of 2 the border is
# zeros that count: the maximum of negative values is 0 there, and the mean too near to 0. Seen: a column of four times -1, windows of 2.
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
  for (const type of ['max', 'avg'])
    for (const dilation of [1, 2]) {
      const x = tf.fill([1, 4, 1, 1], -1);
      const y = tf.pool(x, [2, 1], type, 'same', [dilation, 1]);
      console.log(`${type}${dilation === 1 ? '' : 'dilated'}: ${y.dataSync().join(' ')}`);
    }
});
JS
got=$(node run.cjs | grep '^[a-z]* *:')
echo "$got"
want='max: -1 -1 -1 -1
maxdilated: 0 -1 -1 0
avg: -1 -1 -1 -1
avgdilated: -0.5 -1 -1 -0.5'
[ "$got" = "$want" ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
