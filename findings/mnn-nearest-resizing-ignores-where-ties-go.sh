#!/usr/bin/env bash
# MNN 3.6.1: Resize by the nearest value with nearest_mode=round_prefer_ceil takes the lower of two values that are as near, as if it were
# round_prefer_floor. No error. Ties are common: at half_pixel each odd fraction of sizes has one. onnxruntime 1.32.0 takes the upper one.
# Seen, for 1 2 3 4 to 7 values: 1 1 2 2 3 4 4 in both modes, right for round_prefer_ceil 1 1 2 3 3 4 4; to 3 values: 1 2 4, right 1 3 4.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v
mkdir bin
printf '#!/bin/sh\n' >bin/pip # the converter would install a package for its logs by pip
chmod +x bin/pip
v/bin/pip install -q MNN==3.6.1 onnx==1.23.2 onnxruntime==1.32.0
cat >run.py <<'PY'
import subprocess

import MNN.expr as F
import MNN.nn as nn
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

x = np.arange(1, 5, dtype=np.float32).reshape(1, 1, 1, 4)
for size, mode in ((7, "round_prefer_ceil"), (7, "round_prefer_floor"), (3, "round_prefer_ceil")):
    how = dict(mode="nearest", coordinate_transformation_mode="half_pixel", nearest_mode=mode)
    node = helper.make_node("Resize", ["x", "", "", "sizes"], ["y"], **how)
    known = [numpy_helper.from_array(np.array([1, 1, 1, size]), "sizes")]
    ins = [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)]
    outs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 1, size])]
    model = helper.make_model(helper.make_graph([node], "g", ins, outs, known), opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "m.onnx")
    words = ["v/bin/mnnconvert", "-f", "ONNX", "--modelFile", "m.onnx", "--MNNModel", "m.mnn", "--bizCode", "b"]
    subprocess.run(words, check=True, capture_output=True)
    y = nn.load_module_from_file("m.mnn", ["x"], ["y"]).forward([F.const(x, list(x.shape), F.NCHW, F.float)])[0]
    theirs = onnxruntime.InferenceSession("m.onnx", providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
    print("@", *(f"{v:g}" for v in np.array(F.convert(y, F.NCHW).read()).ravel()), "/", *(f"{v:g}" for v in theirs.ravel()), end="; ")
PY
got=$(PATH="$dir/bin:$PATH" v/bin/python run.py | grep -o '@.*')
echo "MNN / onnxruntime: $got"
[ "$got" = '@ 1 1 2 2 3 4 4 / 1 1 2 3 3 4 4; @ 1 1 2 2 3 4 4 / 1 1 2 2 3 4 4; @ 1 2 4 / 1 3 4; ' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
