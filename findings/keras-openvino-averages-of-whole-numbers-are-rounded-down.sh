#!/usr/bin/env bash
# keras 3.15.1 with its backend openvino 2026.4.1: ops.average and ops.divide_no_nan of whole numbers divide without a remainder and return
# whole numbers; ops.mean and ops.divide, beside them, return floats, as all four do with the backend numpy.
# Seen: average of 1 and 2: 1, mean: 1.5; -7 / 2 by divide_no_nan: -4, by divide: -3.5. numpy: 1.5 1.5 -3.5 -3.5.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v
v/bin/pip install -q keras==3.15.1 openvino==2026.4.1 jax==0.10.2 numpy==2.4.6
cat >run.py <<'PY'
import numpy as np
from keras import ops

pair, a, b = np.array([1, 2]), np.array([-7]), np.array([2])
for y in (ops.average(pair), ops.mean(pair), ops.divide_no_nan(a, b), ops.divide(a, b)):
    print(f"{np.ravel(ops.convert_to_numpy(y))[0]:g}", end=" ")
PY
run() { HOME="$dir" KERAS_BACKEND="$1" v/bin/python run.py 2>/dev/null; }
got="openvino $(run openvino), numpy $(run numpy)"
echo "average, mean, divide_no_nan, divide: $got"
[ "$got" = 'openvino 1 1.5 -4 -3.5 , numpy 1.5 1.5 -3.5 -3.5 ' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
