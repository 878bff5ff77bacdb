#!/usr/bin/env bash
# openvino 2026.4.1: Add and Sub of unsigned bytes stop at 0 and 255 where a value is an input of the model, and wrap around where both are
# constants, which are computed while the model is compiled. So the same sum gives two results in one model. ONNX and onnxruntime 1.32.0 wrap.
# Seen, for 3 - 5 and 250 + 9: 0 255 of inputs, 254 3 of constants; onnxruntime 254 3 both times.
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

values = {"a": [3], "b": [5], "c": [250], "d": [9]}
arrays = {name: np.array(v, np.uint8) for name, v in values.items()}
info = lambda name: helper.make_tensor_value_info(name, TensorProto.UINT8, [1])
nodes = [helper.make_node("Sub", ["a", "b"], ["less"]), helper.make_node("Add", ["c", "d"], ["more"])]
for constant in (False, True):
    ins = [] if constant else [info(name) for name in values]
    known = [numpy_helper.from_array(v, name) for name, v in arrays.items()] if constant else []
    graph = helper.make_graph(nodes, "g", ins, [info("less"), info("more")], known)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    file = model.SerializeToString()
    core = openvino.Core()
    mine = core.compile_model(core.read_model(file), "CPU")([] if constant else list(arrays.values()))
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    theirs = session.run(None, {} if constant else arrays)
    print(mine[0][0], mine[1][0], theirs[0][0], theirs[1][0], end="; ")
PY
got=$(v/bin/python run.py)
echo "openvino and onnxruntime, of inputs; of constants: $got"
[ "$got" = '0 255 254 3; 254 3 254 3; ' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
