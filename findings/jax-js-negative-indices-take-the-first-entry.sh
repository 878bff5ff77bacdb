#!/usr/bin/env bash
# @jax-js/jax 0.1.25 (wasm, Node): take and takeAlongAxis do not count negative indices from the end, as NumPy and JAX do: each is the first entry,
# without an error. JAX gives NaN for an index beyond the end by default, and here it is the last entry or an earlier one.
# Seen, of 10 20 30 at -1 -2 0: 10 10 10, where JAX gives 30 20 10; by takeAlongAxis the same.
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
const index = () => array([-1, -2, 0], 'int32');
console.log(await text(np.take(array([10, 20, 30]), index())));
console.log(await text(np.takeAlongAxis(array([10, 20, 30]), index(), 0)));
process.exit(0);
JS
got=$(node run.mjs)
echo "$got"
[ "$got" = '10 10 10
10 10 10' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
