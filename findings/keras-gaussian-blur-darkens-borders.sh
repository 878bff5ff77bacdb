#!/usr/bin/env bash
# keras 3.15.1: the augmentation RandomGaussianBlur reads zeros beyond the border, so that every blurred picture gets a dark frame: a plain
# surface of 100 has 73 along its sides and 53 in its corners. torchvision's blur mirrors the border and leaves such a surface as it is.
# Seen, of 100 everywhere, kernel 3, sigma 1: corner 52.7, side 72.6, inside 100.0.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v
v/bin/pip install -q keras==3.15.1 jax==0.10.2 numpy==2.4.6
cat >run.py <<'PY'
import keras
import numpy as np

blur = keras.layers.RandomGaussianBlur(factor=(1.0, 1.0), kernel_size=3, sigma=(1.0, 1.0), value_range=(0, 255))
y = np.asarray(blur(np.full((1, 6, 6, 3), 100, np.float32), training=True))[0, :, :, 0]
print(f"{y[0, 0]:.1f} {y[0, 3]:.1f} {y[3, 3]:.1f}")
PY
got=$(HOME="$dir" KERAS_BACKEND=jax v/bin/python run.py 2>/dev/null)
echo "corner, side, inside: $got"
[ "$got" = '52.7 72.6 100.0' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
