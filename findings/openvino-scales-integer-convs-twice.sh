#!/usr/bin/env bash
# openvino 2026.4.1: where the result of a conv of codes (DequantizeLinear on image and kernel) is read both as it is and rounded
# (QuantizeLinear), and some dimension of the image is dynamic, the scales of image and kernel are applied twice to what is rounded: no
# error, a wrong result. It is the same with more channels, scales for each channel and any operation on the unrounded value; with a fixed
# shape, a float kernel or image, or one reader alone it does not happen.
# Seen, for the scales 0.5 and 0.5: 0.5 1 1 1, the rounded quarter of 2.75 3.5 4 4.75, where onnxruntime 1.32.0 and a fixed batch give 3 3.5 4 5.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v
v/bin/pip install -q openvino==2026.4.1 onnx==1.23.2 onnxruntime==1.32.0
cat >run.py <<'PY'
import numpy as np
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper, numpy_helper

nodes = [
    helper.make_node("QuantizeLinear", ["x", "s", "z"], ["xq"]),
    helper.make_node("DequantizeLinear", ["xq", "s", "z"], ["xd"]),
    helper.make_node("DequantizeLinear", ["k", "s", "kz"], ["w"]),
    helper.make_node("Conv", ["xd", "w"], ["sum"]),
    helper.make_node("QuantizeLinear", ["sum", "s", "z"], ["yq"]),
    helper.make_node("DequantizeLinear", ["yq", "s", "z"], ["y"]),
]
kernel = np.array([2, 3], np.int8).reshape(1, 2, 1, 1)
known = {"s": np.float32(0.5), "z": np.uint8(10), "k": kernel, "kz": np.int8(0)}
weights = [numpy_helper.from_array(np.asarray(value), name) for name, value in known.items()]
x = np.arange(1, 9, dtype=np.float32).reshape(1, 2, 2, 2) * np.float32(0.3)
core = openvino.Core()
for batch in ("n", 1):
    ins = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 2, 2, 2])]
    outs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, 1, 2, 2]) for name in ("sum", "y")]
    model = helper.make_model(helper.make_graph(nodes, "g", ins, outs, weights), opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    onnx.checker.check_model(model, full_check=True)
    file = model.SerializeToString()
    net = core.compile_model(core.read_model(file), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    theirs = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"]).run(["y"], {"x": x})[0]
    for y in (net([x])[net.output("y")], theirs):
        print(*(f"{v:g}" for v in y.ravel()), end="; ")
PY
got=$(v/bin/python run.py)
echo "openvino, onnxruntime with a dynamic batch; with a fixed one: $got"
[ "$got" = '0.5 1 1 1; 3 3.5 4 5; 3 3.5 4 5; 3 3.5 4 5; ' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
