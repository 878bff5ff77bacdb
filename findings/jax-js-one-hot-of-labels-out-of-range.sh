#!/usr/bin/env bash
# @jax-js/jax 0.1.25 (wasm, Node): for a label below 0 or beyond the last class, nn.oneHot of JAX gives a row of zeros, which leaves out an example
# that has no label. Here the row has ones: such an example teaches several classes, or a wrong one.
# Seen, of labels 1, -1 and 5 of 3 classes: 0 1 0, 1 1 1 and 0 1 0.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --prefix . @jax-js/jax@0.1.25 >/dev/null
cat >run.mjs <<'JS'
import { defaultDevice, init, nn, numpy as np } from '@jax-js/jax';

await init('wasm');
defaultDevice('wasm');
const array = (values, dtype) => np.array(values, dtype && { dtype: np[dtype] });
const text = async (a) => [...(await a.data())].map((v) => Number(Number(v).toFixed(4))).join(' ');
console.log(await text(nn.oneHot(array([1, -1, 5], 'int32'), 3)));
process.exit(0);
JS
got=$(node run.mjs)
echo "$got"
[ "$got" = '0 1 0 1 1 1 0 1 0' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
