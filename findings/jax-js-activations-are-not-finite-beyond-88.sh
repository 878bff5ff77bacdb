#!/usr/bin/env bash
# @jax-js/jax 0.1.25 (wasm, Node): softplus and logSigmoid are computed by an exponential that overflows at 89: softplus(100) is Infinity, where JAX
# gives 100, and gradients of sigmoid and silu at -100, of elu, celu, selu and mish at 100 are NaN, where they are 0 and 1. One such value makes
# NaN of all weights of a net that is trained. An array of equal values hides it: it is computed once, in doubles.
# Seen, at 100 and 1: softplus Infinity 1.3133 (100 100 of two equal values), and the gradients of all six are NaN at the large value.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --prefix . @jax-js/jax@0.1.25 >/dev/null
cat >run.mjs <<'JS'
import { defaultDevice, grad, init, nn, numpy as np } from '@jax-js/jax';

await init('wasm');
defaultDevice('wasm');
const array = (values, dtype) => np.array(values, dtype && { dtype: np[dtype] });
const text = async (a) => [...(await a.data())].map((v) => Number(Number(v).toFixed(4))).join(' ');
console.log(await text(nn.softplus(array([100, 1]))), await text(nn.softplus(array([100, 100]))));
for (const [f, x] of [[nn.sigmoid, -100], [nn.silu, -100], [nn.elu, 100], [nn.celu, 100], [nn.selu, 100], [nn.mish, 100]])
  console.log(await text(grad((a) => f(a).sum())(array([x, x / 100]))));
process.exit(0);
JS
got=$(node run.mjs)
echo "$got"
[ "$got" = 'Infinity 1.3133 100 100
NaN 0.1966
NaN 0.0723
NaN 1
NaN 1
NaN 1.0507
NaN 1.049' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
