#!/usr/bin/env bash
# @jax-js/jax 0.1.25 (wasm, Node): arange with a step between 0 and 1 has the right length and zeros alone, for its type is int32 by default; NumPy
# and JAX take floats as soon as one of the three numbers has a fraction.
# Seen: arange(0, 1, 0.3) is 0 0 0 0; arange(0, 1, 0.3, float32) is 0 0.3 0.6 0.9.
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
console.log(await text(np.arange(0, 1, 0.3)));
console.log(await text(np.arange(0, 1, 0.3, { dtype: np.float32 })));
process.exit(0);
JS
got=$(node run.mjs)
echo "$got"
[ "$got" = '0 0 0 0
0 0.3 0.6 0.9' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
