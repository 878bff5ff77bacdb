#!/usr/bin/env bash
# keras 3.15.1 with its backend openvino 2026.4.1: image.resize with bicubic ignores antialias=True, without a word; with bilinear, antialias
# works. A shrunk picture therefore has other numbers than the net saw in training with another backend.
# Seen, 16 stripes (1 0 0 0 ...) to 4 pixels, the second of them, without and with antialias: openvino -0.0625 -0.0625, jax -0.0625 0.2469.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v
v/bin/pip install -q keras==3.15.1 openvino==2026.4.1 jax==0.10.2 numpy==2.4.6
cat >run.py <<'PY'
import numpy as np
from keras import ops

stripes = np.zeros((1, 4, 16, 1), np.float32)
stripes[:, :, ::4] = 1
for antialias in (False, True):
    y = ops.convert_to_numpy(ops.image.resize(stripes, (4, 4), interpolation="bicubic", antialias=antialias))
    print(f"{y[0, 0, 1, 0]:.4f}", end=" ")
PY
run() { HOME="$dir" KERAS_BACKEND="$1" v/bin/python run.py 2>/dev/null; }
got="openvino $(run openvino), jax $(run jax)"
echo "without and with antialias: $got"
[ "$got" = 'openvino -0.0625 -0.0625 , jax -0.0625 0.2469 ' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
