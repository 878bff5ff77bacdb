#!/usr/bin/env bash
# keras 3.15.1 with jax 0.10.2: ops.image.gaussian_blur takes images as channels first where data_format is left out, although the setting of
# keras is channels_last and its other backends follow it. Images [n, h, w, c] are then blurred along w alone, and lose brightness, for the
# pictures' channels stand in the place of a side and are padded by zeros. No error and no warning; with data_format="channels_last" it is right.
# Seen, the sum of a white point on black after a blur of 3 x 3: 0.4519 with jax, 1.0000 with numpy and with data_format.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v
v/bin/pip install -q keras==3.15.1 jax==0.10.2 numpy==2.4.6
cat >run.py <<'PY'
import numpy as np
from keras import config, ops

point = np.zeros((1, 7, 7, 1), np.float32)
point[0, 3, 3, 0] = 1
total = lambda **o: float(np.sum(ops.convert_to_numpy(ops.image.gaussian_blur(point, (3, 3), (1.0, 1.0), **o))))
print(f"{config.image_data_format()} {total():.4f} {total(data_format='channels_last'):.4f}")
PY
run() { HOME="$dir" KERAS_BACKEND="$1" v/bin/python run.py 2>/dev/null; }
got="jax: $(run jax); numpy: $(run numpy)"
echo "setting, sum by default, sum with data_format; $got"
[ "$got" = 'jax: channels_last 0.4519 1.0000; numpy: channels_last 1.0000 1.0000' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
