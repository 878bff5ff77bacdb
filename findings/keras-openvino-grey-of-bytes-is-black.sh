#!/usr/bin/env bash
# keras 3.15.1 with its backend openvino 2026.4.1: rgb_to_grayscale of unsigned bytes gives 0 for every picture, for the weights 0.2989, 0.587
# and 0.114 are rounded down to bytes first. No error. Floats are right, and so are bytes with the backend numpy.
# Seen, of a surface of 200: 0 of bytes, 199.98 of floats; numpy: 199 of bytes.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v
v/bin/pip install -q keras==3.15.1 openvino==2026.4.1 jax==0.10.2 numpy==2.4.6
cat >run.py <<'PY'
import numpy as np
from keras import ops

for dtype in (np.uint8, np.float32):
    y = ops.convert_to_numpy(ops.image.rgb_to_grayscale(np.full((1, 2, 2, 3), 200, dtype)))
    print(f"{y[0, 0, 0, 0]:.6g}", end=" ")
PY
run() { HOME="$dir" KERAS_BACKEND="$1" v/bin/python run.py 2>/dev/null; }
got="openvino $(run openvino), numpy $(run numpy)"
echo "grey of bytes and of floats: $got"
[ "$got" = 'openvino 0 199.98 , numpy 199 199.98 ' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
