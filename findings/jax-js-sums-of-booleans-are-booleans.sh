#!/usr/bin/env bash
# @jax-js/jax 0.1.25 (wasm, Node): the sum of booleans is a boolean, true where one is, and not their number, as in NumPy and JAX. A count of right
# guesses, sum(equal(a, b)), is therefore 1 at most. mean and countNonzero count.
# Seen, of true true false: sum 1 of the type bool, mean 0.6667, countNonzero 2.
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
const bits = () => array([true, true, false]);
const sum = np.sum(bits());
console.log(String(sum.dtype), await text(sum), await text(np.mean(bits())), await text(np.countNonzero(bits())));
process.exit(0);
JS
got=$(node run.mjs)
echo "$got"
[ "$got" = 'bool 1 0.6667 2' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
