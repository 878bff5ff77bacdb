#!/usr/bin/env bash
# keras 3.15.1 with its backend numpy: ops.slice_update and ops.scatter_update write into the array that they are given, and return that array.
# With the backend jax the input stays as it was, and so the same code computes with other numbers where it uses its input afterwards.
# Seen, an array of zeros after each call: 9 and 9; with jax 0 and 0.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v
v/bin/pip install -q keras==3.15.1 jax==0.10.2 numpy==2.4.6
cat >run.py <<'PY'
import numpy as np
from keras import ops

first, second = np.zeros(3, np.float32), np.zeros(3, np.float32)
ops.slice_update(first, (0,), np.array([9], np.float32))
ops.scatter_update(second, np.array([[0]]), np.array([9], np.float32))
print(f"{first[0]:g} {second[0]:g}")
PY
run() { HOME="$dir" KERAS_BACKEND="$1" v/bin/python run.py 2>/dev/null; }
got="numpy $(run numpy), jax $(run jax)"
echo "the inputs of slice_update and scatter_update afterwards: $got"
[ "$got" = 'numpy 9 9, jax 0 0' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
