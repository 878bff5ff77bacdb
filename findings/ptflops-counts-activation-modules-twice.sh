#!/usr/bin/env bash
# ptflops 0.7.5 (its default backend): a module such as nn.ReLU is counted twice, once by the hook on the module and once more by the
# patched function that the module calls; the same holds of GELU, max, average and adaptive pools and Upsample, but not of ReLU6. The
# total is then not the sum of the layers that it prints. The function alone is counted once.
# Seen: on 1x3x8x8 (192 values), nn.ReLU gives 384 and a module that calls F.relu gives 192; nn.MaxPool2d(2) gives 384, F.max_pool2d 192.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v
v/bin/pip install -q torch==2.15.0 ptflops==0.7.5 numpy==2.3.5
cat >run.py <<'PY'
from ptflops import get_model_complexity_info
from torch import nn
from torch.nn import functional as F


class Calls(nn.Module):
    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, x):
        return self.f(x)


relu, pool = lambda x: F.relu(x), lambda x: F.max_pool2d(x, 2)
for layer in (nn.ReLU(), Calls(relu), nn.MaxPool2d(2), Calls(pool)):
    macs, _ = get_model_complexity_info(nn.Sequential(layer), (3, 8, 8), as_strings=False, print_per_layer_stat=False)
    print(macs, end=" ")
PY
got=$(v/bin/python -W ignore run.py)
echo "operations: $got"
[ "$got" = '384 192 384 192 ' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
