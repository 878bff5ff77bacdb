#!/usr/bin/env bash
# @jax-js/jax 0.1.25 (wasm, Node): argmax of values with a NaN is the number of values, an index that there is not; NumPy and JAX give the place of the
# NaN. max is NaN, as there. An accuracy of a net whose outputs are NaN is then read from no class at all.
# Seen, of 3 NaN 5: argmax 3, max NaN.
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
console.log(await text(np.argmax(array([3, NaN, 5]))), await text(np.max(array([3, NaN, 5]))));
process.exit(0);
JS
got=$(node run.mjs)
echo "$got"
[ "$got" = '3 NaN' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
