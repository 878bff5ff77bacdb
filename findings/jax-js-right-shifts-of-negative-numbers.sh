#!/usr/bin/env bash
# @jax-js/jax 0.1.25 (wasm, Node): rightShift of an int32 below 0 fills with zeros from the left, so that -8 >> 1 is a large number; NumPy, JAX and
# the operator of JavaScript keep the sign.
# Seen, of -8 and 8 by 1: 2147483644 4.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --prefix . @jax-js/jax@0.1.25 >/dev/null
cat >run.mjs <<'JS'
import { defaultDevice, init, numpy as np } from '@jax-js/jax';

await init('wasm');
defaultDevice('wasm');
const array = (values, dtype) => np.array(values, dtype && { dtype: np[dtype] });
const text = async (a) => [...(await a.data())].map((v) => Number(Number(v).toFixed(4))).join(' ');
console.log(await text(np.rightShift(array([-8, 8], 'int32'), array([1, 1], 'int32'))));
process.exit(0);
JS
got=$(node run.mjs)
echo "$got"
[ "$got" = '2147483644 4' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
