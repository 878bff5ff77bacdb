#!/usr/bin/env bash
# torch 2.15.0: x // 3 of a float tensor rounds down in PyTorch (since 1.13), and to zero in the file of TorchScript's exporter, which
# differs by 1 for each negative quotient that is not whole; no warning is given. torch.div(x, 3, rounding_mode="floor"), the same
# number, is exported correctly by it, and the dynamo exporter does both correctly.
# Seen: of -4, -1, 2, 5: PyTorch -2 -1 0 1; TorchScript's file -1 0 0 1; all others -2 -1 0 1.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v
v/bin/pip install -q torch==2.15.0 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.32.0 numpy==2.4.6
cat >run.py <<'PY'
import onnxruntime
import torch


class Operator(torch.nn.Module):
    def forward(self, x):
        return x // 3


class Function(torch.nn.Module):
    def forward(self, x):
        return torch.div(x, 3, rounding_mode="floor")


x = torch.tensor([-4.0, -1.0, 2.0, 5.0])
for model in (Operator(), Function()):
    print("=", *model(x).int().tolist())
    for dynamo in (False, True):
        torch.onnx.export(model, (x,), "model.onnx", dynamo=dynamo, verbose=False)
        session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
        y = session.run(None, {session.get_inputs()[0].name: x.numpy()})[0]
        print("=", *y.astype(int).tolist())
PY
got=$(v/bin/python -W ignore run.py 2>log | grep '^= ' | tr '\n' ' ')
echo "operator in PyTorch, TorchScript's file, dynamo's file; function likewise: $got"
[ "$got" = '= -2 -1 0 1 = -1 0 0 1 = -2 -1 0 1 = -2 -1 0 1 = -2 -1 0 1 = -2 -1 0 1 ' ] || { cat log; echo 'CHANGED: the behaviour is another one now'; exit 1; }
