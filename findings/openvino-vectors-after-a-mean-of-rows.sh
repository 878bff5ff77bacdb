#!/usr/bin/env bash
# openvino 2026.4.1: what follows a reduction of the last axis of [n, c, l], and has one number for each c (a product, a sum, a batch norm),
# takes its numbers by n instead: no error, a wrong result. A mean over time and then a norm of channels is such a pair. It happens where n is
# larger than 1, for ReduceMean, ReduceMax, ReduceMin and ReduceSum, with and without keepdims, also with a Relu between; it does not happen
# over other axes, nor over the last two of [n, c, h, w].
# Seen, for ones of [3, 3, 4] times 2 3 5: 2 2 2, 3 3 3, 5 5 5 where onnxruntime 1.32.0 and [3, 3, 4, 1] give 2 3 5 three times.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v
v/bin/pip install -q openvino==2026.4.1 onnx==1.23.2 onnxruntime==1.32.0
cat >run.py <<'PY'
import numpy as np
import onnxruntime
import openvino
from onnx import TensorProto, helper, numpy_helper

for shape, axes in (([3, 3, 4], [2]), ([3, 3, 4, 1], [2, 3])):
    nodes = [helper.make_node("ReduceMean", ["x", "axes"], ["mean"], keepdims=0), helper.make_node("Mul", ["mean", "k"], ["y"])]
    known = [numpy_helper.from_array(np.array(axes), "axes"), numpy_helper.from_array(np.array([2, 3, 5], np.float32), "k")]
    ins = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    outs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape[:2])]
    model = helper.make_model(helper.make_graph(nodes, "g", ins, outs, known), opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    file = model.SerializeToString()
    x = np.ones(shape, np.float32)
    core = openvino.Core()
    mine = core.compile_model(core.read_model(file), "CPU")([x])[0]
    theirs = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
    for y in (mine, theirs):
        print(*(f"{v:g}" for v in y.ravel()), end="; ")
PY
got=$(v/bin/python run.py)
echo "openvino, onnxruntime; the same with an axis more: $got"
[ "$got" = '2 2 2 3 3 3 5 5 5; 2 3 5 2 3 5 2 3 5; 2 3 5 2 3 5 2 3 5; 2 3 5 2 3 5 2 3 5; ' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
