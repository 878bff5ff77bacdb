#!/usr/bin/env bash
# onnxruntime 1.32.0, integer convs (QLinearConv) of small groups on x86-64: the cost of a group is so large that four neighbouring groups
# written as one, with zeros between them, which is four times the multiplications for the same result to the bit, are several times as
# fast.
# Seen, 3x3, 128 channels at 56 x 56 in 32 groups, two threads, with AVX-512: 3.7 times as fast in 8 groups of 16. Held to 1.5 times.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v
v/bin/pip install -q onnx==1.23.2 onnxruntime==1.32.0
cat >run.py <<'PY'
import time

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

C, GROUPS, SIZE, JOIN = 128, 32, 56, 4
rng = np.random.default_rng(0)
per = C // GROUPS
kernel = rng.integers(-60, 60, (C, per, 3, 3)).astype(np.int8)
joined = np.zeros((C, per * JOIN, 3, 3), np.int8)
for o in range(C):
    at = o // per % JOIN * per
    joined[o, at : at + per] = kernel[o]


def session(weights, groups):
    constants = {
        "s": np.float32(0.02),
        "z": np.uint8(100),
        "w": weights,
        "ws": np.full(C, 0.01, np.float32),
        "wz": np.zeros(C, np.int8),
        "b": np.zeros(C, np.int32),
    }
    nodes = [helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q0"])]
    for i in range(4):
        ins = [f"q{i}", "s", "z", "w", "ws", "wz", "s", "z", "b"]
        nodes.append(helper.make_node("QLinearConv", ins, [f"q{i + 1}"], group=groups, pads=[1] * 4))
    nodes.append(helper.make_node("DequantizeLinear", ["q4", "s", "z"], ["y"]))
    shape = [1, C, SIZE, SIZE]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 8
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


sessions = [session(kernel, GROUPS), session(joined, GROUPS // JOIN)]
x = rng.standard_normal((1, C, SIZE, SIZE)).astype(np.float32)
outputs = [s.run(None, {"x": x})[0] for s in sessions]
times = [[], []]
for _ in range(25):
    for s, list_ in zip(sessions, times):
        start = time.perf_counter()
        s.run(None, {"x": x})
        list_.append(time.perf_counter() - start)
ratio = np.median(times[0]) / np.median(times[1])
print(f"equal: {np.array_equal(*outputs)}, as fast: {ratio:.1f}")
print("held" if np.array_equal(*outputs) and ratio > 1.5 else "other")
PY
got=$(v/bin/python run.py)
echo "$got"
[ "$(tail -1 <<<"$got")" = held ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
