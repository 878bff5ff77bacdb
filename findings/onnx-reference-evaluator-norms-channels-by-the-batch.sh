#!/usr/bin/env bash
# onnx 1.23.2: LRN of onnx.reference.ReferenceEvaluator, which others compare their results with, norms as many channels as the batch has
# examples: of one example only the first channel, and the other channels are returned divided by bias to the power of beta, that is,
# unchanged. With as many examples as channels all are right. onnxruntime 1.32.0 agrees with the formula.
# Seen: 6 channels, alpha 0.3: batch 1 differs from the formula in 5 channels, batch 3 in 3, batch 6 in none; onnxruntime in none.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v
v/bin/pip install -q onnx==1.23.2 onnxruntime==1.32.0
cat >run.py <<'PY'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

size, alpha, beta = 3, 0.3, 0.75
for batch in (1, 3, 6):
    x = np.random.default_rng(0).standard_normal((batch, 6, 1, 1)).astype(np.float32) * 10
    node = helper.make_node("LRN", ["x"], ["y"], size=size, alpha=alpha, beta=beta)
    ends = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, x.shape)] for name in "xy"]
    model = helper.make_model(helper.make_graph([node], "g", *ends), opset_imports=[helper.make_opsetid("", 22)])
    model.ir_version = 10
    v = x[:, :, 0, 0]
    sums = np.stack([(v[:, max(0, c - 1) : c + 2] ** 2).sum(1) for c in range(6)], 1)
    right = v / (1 + alpha / size * sums) ** beta
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for got in (ReferenceEvaluator(model).run(None, {"x": x})[0], session.run(None, {"x": x})[0]):
        print((np.abs(got[:, :, 0, 0] - right).max(0) > 1e-3).sum(), end=" ")
PY
got=$(v/bin/python run.py)
echo "channels that differ, reference and onnxruntime, at batches of 1, 3 and 6: $got"
[ "$got" = '5 0 3 0 0 0 ' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
