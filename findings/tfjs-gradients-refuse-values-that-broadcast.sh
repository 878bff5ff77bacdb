#!/usr/bin/env bash
# @tensorflow/tfjs-core 4.22.0: the gradients of add and mul sum over the axes that were broadcast; those of maximum, minimum,
# squaredDifference and matMul do not, so that differentiating them throws although the values themselves compute.
# Seen: [2, 3] with [3], and matrices [2, 2, 3] with [1, 3, 2].
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
tf.setBackend('cpu').then(() => {
  for (const name of ['add', 'mul', 'maximum', 'minimum', 'squaredDifference', 'matMul']) {
    const [a, b] = name === 'matMul' ? [tf.ones([2, 2, 3]), tf.ones([1, 3, 2])] : [tf.ones([2, 3]), tf.ones([3])];
    const y = (u, v) => tf.sum(tf[name](u, v));
    let said;
    try {
      said = tf.grads(y)([a, b])[1].shape.join(' x ');
    } catch (error) {
      said = error.message.replace(/.*(has shape)/, '$1');
    }
    console.log(`${name.toLowerCase()}: ${said}`);
  }
});
JS
got=$(node run.cjs | grep '^[a-z]* *:')
echo "$got"
want='add: 3
mul: 3
maximum: has shape '\''2,3'\'', which does not match the shape of the input '\''3'\''
minimum: has shape '\''2,3'\'', which does not match the shape of the input '\''3'\''
squareddifference: has shape '\''2,3'\'', which does not match the shape of the input '\''3'\''
matmul: has shape '\''2,3,2'\'', which does not match the shape of the input '\''1,3,2'\'''
[ "$got" = "$want" ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
