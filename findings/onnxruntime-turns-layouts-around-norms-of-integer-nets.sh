#!/usr/bin/env bash
# onnxruntime 1.32.0 computes integer convs channels last, and batch norms channels first. A norm between integer convs (DequantizeLinear,
# BatchNormalization, Relu, QuantizeLinear, as in pre-activated residual nets) is therefore put between two Transposes, in float, while the
# same norm as a depthwise 1x1 conv of codes becomes an integer conv, and nothing is turned.
# Seen, transposes in the optimized graph of three norms, each before a conv: 6, and 3 integer convs; as convs of codes: 2, and 6.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v
v/bin/pip install -q onnx==1.23.2 onnxruntime==1.32.0
cat >run.py <<'PY'
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

C, COUNT = 32, 3
rng = np.random.default_rng(0)


def build(codes):
    nodes, weights = [], {}

    def const(name, value):
        weights[name] = np.asarray(value)
        return name

    step, zero = const("step", np.float32(0.05)), const("zero", np.uint8(0))

    def rounded(x):
        nodes.append(helper.make_node("QuantizeLinear", [x, step, zero], [x + "q"]))
        nodes.append(helper.make_node("DequantizeLinear", [x + "q", step, zero], [x + "d"]))
        return x + "d"

    def conv(x, name, shape, group):
        k = const(name + "k", rng.integers(-60, 60, shape).astype(np.int8))
        s, z = const(name + "s", np.full(C, 0.01, np.float32)), const(name + "z", np.zeros(C, np.int8))
        nodes.append(helper.make_node("DequantizeLinear", [k, s, z], [name + "f"], axis=0))
        nodes.append(helper.make_node("Conv", [x, name + "f"], [name], pads=[shape[2] // 2] * 4, group=group))
        return name

    x = rounded("x")
    for i in range(COUNT):
        if codes:
            x = conv(x, f"n{i}", (C, 1, 1, 1), C)
        else:
            vectors = [const(f"n{i}{k}", np.ones(C, np.float32)) for k in "abcd"]
            nodes.append(helper.make_node("BatchNormalization", [x, *vectors], [f"n{i}"]))
            x = f"n{i}"
        nodes.append(helper.make_node("Relu", [x], [x + "r"]))
        x = rounded(conv(rounded(x + "r"), f"c{i}", (C, C, 3, 3), 1))
    nodes.append(helper.make_node("Identity", [x], ["y"]))
    shape = [1, C, 8, 8]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(v, k) for k, v in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 8
    return model.SerializeToString()


for codes in (False, True):
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = f"optimized{int(codes)}.onnx"
    options.log_severity_level = 3
    onnxruntime.InferenceSession(build(codes), options, providers=["CPUExecutionProvider"])
    kinds = [n.op_type for n in onnx.load(options.optimized_model_filepath).graph.node]
    print(kinds.count("Transpose"), kinds.count("QLinearConv"), end="; ")
PY
got=$(v/bin/python run.py)
echo "transposes and integer convs, with norms and with convs of codes: $got"
[ "$got" = '6 3; 2 6; ' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
