#!/usr/bin/env bash
# thop 0.1.1.post2209072238: a layer whose class derives from one of torch.nn is passed over in silence: neither its operations nor its
# parameters are in the result, because rules are found by the exact class. timm's nets have such norms (BatchNormAct2d), so that thop
# gives fewer parameters for them than the model has.
# Seen: Conv2d(3, 8, 3) and BatchNorm2d(8): 224 + 16 = 240 parameters; with a subclass of BatchNorm2d: 224, of the same weights.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v
v/bin/pip install -q torch==2.15.0 setuptools==80.9.0 thop==0.1.1.post2209072238 numpy==2.3.5
cat >run.py <<'PY'
import torch
from thop import profile
from torch import nn


class OwnNorm(nn.BatchNorm2d):
    pass


for norm in (nn.BatchNorm2d, OwnNorm):
    model = nn.Sequential(nn.Conv2d(3, 8, 3), norm(8))
    _, params = profile(model, inputs=(torch.zeros(1, 3, 8, 8),), verbose=False)
    print(int(params), end=" ")
PY
got=$(v/bin/python -W ignore run.py)
echo "parameters: $got"
[ "$got" = '240 224 ' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
