#!/usr/bin/env bash
# torch 2.15.0: divisor_override of an average pool is lost in both exporters to ONNX, without a word. AveragePool of ONNX has no such
# attribute, and neither exporter multiplies or refuses; the file divides by the size of the window. What else has no counterpart, such
# as a threshold with another value, TorchScript's exporter refuses by name.
# Seen: AvgPool2d(2, divisor_override=3) of ones is 4 / 3; onnxruntime says 1 for the files of both exporters.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v
v/bin/pip install -q torch==2.15.0 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.32.0 numpy==2.4.6
cat >run.py <<'PY'
import onnxruntime
import torch

model, x = torch.nn.AvgPool2d(2, divisor_override=3).eval(), torch.ones(1, 1, 4, 4)
print(f"torch {float(model(x).mean()):.3f}")
for name, dynamo in (("torchscript", False), ("dynamo", True)):
    torch.onnx.export(model, (x,), f"{name}.onnx", dynamo=dynamo, verbose=False)
    session = onnxruntime.InferenceSession(f"{name}.onnx", providers=["CPUExecutionProvider"])
    y = session.run(None, {session.get_inputs()[0].name: x.numpy()})[0]
    print(f"{name} {y.mean():.3f}")
PY
got=$(v/bin/python -W ignore run.py 2>log | grep -E '^(torch|torchscript|dynamo) [0-9]' | tr '\n' ' ')
echo "mean of the pool: $got"
[ "$got" = 'torch 1.333 torchscript 1.000 dynamo 1.000 ' ] || { cat log; echo 'CHANGED: the behaviour is another one now'; exit 1; }
