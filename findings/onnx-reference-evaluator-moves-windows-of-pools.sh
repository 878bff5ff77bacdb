#!/usr/bin/env bash
# onnx 1.23.2: pools of onnx.reference.ReferenceEvaluator, which others compare their results with, have windows at other places than the
# operator says. AveragePool and LpPool with ceil_mode=1 and no padding begin before the input, as if half of what the last window lacks
# were padding in front. MaxPool with stride 1 ignores padding behind. onnxruntime 1.32.0 and torch 2.15.0 agree with the operator.
# Seen, for 1 2 3 4 5 6 7: windows of 3 at stride 3: means 1.5 4 6, right 2 5 7. Maxima of windows of 2 at stride 1, one zero behind: 2 3 4 5 6 7,
# right 2 3 4 5 6 7 7.
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

x = np.arange(1, 8, dtype=np.float32).reshape(1, 1, 7)
for op, attributes in (
    ("AveragePool", dict(kernel_shape=[3], strides=[3], ceil_mode=1)),
    ("MaxPool", dict(kernel_shape=[2], strides=[1], pads=[0, 1])),
):
    node = helper.make_node(op, ["x"], ["y"], **attributes)
    ins = [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)]
    outs = [helper.make_empty_tensor_value_info("y")]
    model = helper.make_model(helper.make_graph([node], "g", ins, outs), opset_imports=[helper.make_opsetid("", 22)])
    model.ir_version = 10
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for y in (ReferenceEvaluator(model).run(None, {"x": x})[0], session.run(None, {"x": x})[0]):
        print(*(f"{v:g}" for v in y.ravel()), end="; ")
PY
got=$(v/bin/python run.py)
echo "means of the reference, of onnxruntime, maxima of the reference, of onnxruntime: $got"
[ "$got" = '1.5 4 6; 2 5 7; 2 3 4 5 6 7; 2 3 4 5 6 7 7; ' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
