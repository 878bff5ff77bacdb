#!/usr/bin/env bash
# @jax-js/jax 0.1.25 (wasm, Node): the gradients of power(x, 2), power(x, 3) and prod are NaN where an x is 0, since they divide by it or take its
# logarithm; JAX gives 0, 0 and the product of the others. x times x is right.
# Seen, at 0 and 2: NaN 4; NaN 12; of prod at 0 5 2: NaN 0 0; of x times x: 0 4.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --prefix . @jax-js/jax@0.1.25 >/dev/null
cat >run.mjs <<'JS'
import { defaultDevice, grad, init, numpy as np } from '@jax-js/jax';

await init('wasm');
defaultDevice('wasm');
const array = (values, dtype) => np.array(values, dtype && { dtype: np[dtype] });
const text = async (a) => [...(await a.data())].map((v) => Number(Number(v).toFixed(4))).join(' ');
const of = async (f, x) => console.log(await text(grad((a) => f(a).sum())(array(x))));
await of((x) => np.power(x, 2), [0, 2]);
await of((x) => np.power(x, 3), [0, 2]);
await of((x) => np.prod(x), [0, 5, 2]);
await of((x) => x.ref.mul(x), [0, 2]);
process.exit(0);
JS
got=$(node run.mjs)
echo "$got"
[ "$got" = 'NaN 4
NaN 12
NaN 0 0
0 4' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
