#!/usr/bin/env bash
# MNN 3.6.1: a negative pad, by which Pad crops, takes away from the end alone. A pad of -1 in front gives the values without the last instead of
# those without the first; 1 in front and -1 behind gives the values as they are. No error. onnxruntime 1.32.0 crops as the operator says.
# Seen, for 1 2 3 4: -1 in front 1 2 3 (right 2 3 4); 1 in front and -1 behind 1 2 3 4 (right 0 1 2 3); -1 behind 1 2 3, which is right.
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
for front, behind in ((-1, 0), (0, -1), (1, -1)):
    node = helper.make_node("Pad", ["x", "pads"], ["y"])
    known = [numpy_helper.from_array(np.array([0, 0, 0, front, 0, 0, 0, behind]), "pads")]
    ins = [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)]
    outs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 1, 4 + front + behind])]
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
[ "$got" = '@ 1 2 3 / 2 3 4; @ 1 2 3 / 1 2 3; @ 1 2 3 4 / 0 1 2 3; ' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
