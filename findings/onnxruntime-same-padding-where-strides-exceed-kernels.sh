#!/usr/bin/env bash
# onnxruntime 1.32.0, auto_pad SAME_UPPER where the stride exceeds the kernel, so that no padding is needed: ConvTranspose returns fewer rows
# than the operator says (input times stride), MaxPool raises an error, and AveragePool and Conv work as they should.
# Seen, for 6 numbers, kernel 2, stride 3: ConvTranspose 17 numbers where 18 are right, MaxPool an error, AveragePool 2, Conv 2.
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

x = np.arange(1, 7, dtype=np.float32).reshape(1, 1, 6)
w = np.ones((1, 1, 2), np.float32)
options = onnxruntime.SessionOptions()
options.log_severity_level = 4
for op in ("ConvTranspose", "MaxPool", "AveragePool", "Conv"):
    feeds = {"x": x} if op.endswith("Pool") else {"x": x, "w": w}
    node = helper.make_node(op, list(feeds), ["y"], kernel_shape=[2], strides=[3], auto_pad="SAME_UPPER")
    ins = [helper.make_tensor_value_info(k, TensorProto.FLOAT, v.shape) for k, v in feeds.items()]
    outs = [helper.make_empty_tensor_value_info("y")]
    model = helper.make_model(helper.make_graph([node], "g", ins, outs), opset_imports=[helper.make_opsetid("", 22)])
    model.ir_version = 10
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        print(op, session.run(None, feeds)[0].size, end="; ")
    except Exception as e:
        print(op, type(e).__name__, end="; ")
PY
got=$(v/bin/python run.py)
echo "$got"
[ "$got" = 'ConvTranspose 17; MaxPool RuntimeException; AveragePool 2; Conv 2; ' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
