#!/usr/bin/env bash
# onnxruntime 1.30.0, the newest for Node (1.32.0 for Python is right): a valid model in which QuantizeLinear reads a relu of a relu of a conv of rounded values is
# refused with the default optimizations: "two nodes with same node name". The optimizer fuses one relu after the other into the conv and
# gives both results the conv's name. One relu loads, and so does the model without optimizations. Nets come by such relus when a
# residual sum that ends in one meets a block that begins with one.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install -q onnxruntime==1.30.0 onnx==1.23.2 numpy==2.4.6
cat >run.py <<'PY'
import numpy as np
import onnxruntime as ort
from onnx import TensorProto, checker, helper, numpy_helper


def model(relus):
    const = {
        "step": np.float32(0.1), "zero": np.uint8(128), "last": np.uint8(0),
        "codes": np.ones((4, 3, 1, 1), np.int8), "kernel_step": np.float32(0.01), "kernel_zero": np.int8(0),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "step", "zero"], ["xq"], "in_q"),
        helper.make_node("DequantizeLinear", ["xq", "step", "zero"], ["xd"], "in_d"),
        helper.make_node("DequantizeLinear", ["codes", "kernel_step", "kernel_zero"], ["kernel"], "kernel"),
        helper.make_node("Conv", ["xd", "kernel"], ["v0"], "conv"),
    ]
    for i in range(relus):
        nodes.append(helper.make_node("Relu", [f"v{i}"], [f"v{i + 1}"], f"relu{i}"))
    nodes.append(helper.make_node("QuantizeLinear", [f"v{relus}", "step", "last"], ["yq"], "out_q"))
    nodes.append(helper.make_node("DequantizeLinear", ["yq", "step", "last"], ["y"], "out_d"))
    value = lambda name, c: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, c, 2, 2])
    graph = helper.make_graph(
        nodes, "g", [value("x", 3)], [value("y", 4)],
        [numpy_helper.from_array(np.array(v), k) for k, v in const.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    checker.check_model(made, full_check=True)
    return made.SerializeToString()


for relus in (1, 2):
    for level in ("ORT_ENABLE_ALL", "ORT_DISABLE_ALL"):
        options = ort.SessionOptions()
        options.log_severity_level = 4
        options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
        try:
            session = ort.InferenceSession(model(relus), options, providers=["CPUExecutionProvider"])
            said = session.run(None, {"x": np.ones((1, 3, 2, 2), np.float32)})[0].shape
        except Exception as error:
            said = "two nodes with same node name" if "two nodes with same node name" in str(error) else error
        print(f"relus {relus}, {level}: {said}")
PY
got=$(venv/bin/python run.py)
echo "$got"
want='relus 1, ORT_ENABLE_ALL: (1, 4, 2, 2)
relus 1, ORT_DISABLE_ALL: (1, 4, 2, 2)
relus 2, ORT_ENABLE_ALL: two nodes with same node name
relus 2, ORT_DISABLE_ALL: (1, 4, 2, 2)'
[ "$got" = "$want" ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
