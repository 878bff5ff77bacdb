#!/usr/bin/env bash
# @tensorflow/tfjs-backend-cpu 4.22.0: the gradient of tf.image.resizeNearestNeighbor is wrong for every image of a batch but the
# first: it adds gradients of the first image to them. No error.
# Seen: two images of one pixel, each copied to 2x2 pixels with weights of 1 and of 10: gradients 4,13, where 4,40 are right (a pixel's
# gradient is the sum of the weights of its four copies); an image of 10s alone gives 40.
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
const gradient = (weights, batch) =>
  tf.grad((x) =>
    tf.sum(tf.mul(tf.image.resizeNearestNeighbor(x, [2, 2]), tf.tensor4d(weights, [batch, 2, 2, 1]))),
  )(tf.ones([batch, 1, 1, 1])).dataSync().join();
tf.setBackend('cpu').then(() => {
  console.log(gradient([1, 1, 1, 1, 10, 10, 10, 10], 2), gradient([10, 10, 10, 10], 1));
});
JS
got=$(node run.cjs | grep '^[0-9]')
echo "batch of two, second image alone: $got"
[ "$got" = '4,13 40' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
