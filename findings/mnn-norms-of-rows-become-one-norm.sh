#!/usr/bin/env bash
# MNN 3.6.1: ReduceL1, ReduceL2, ReduceSumSquare and ReduceLogSumExp of operator set 18, whose axes are an input, reduce all axes: no error
# and no warning, another shape. ReduceMean, ReduceMax and ReduceProd of that set read the input, and operator set 13, whose axes are an
# attribute, is read by all. F.normalize of PyTorch exported today has such a ReduceL2; what follows is broadcast and wrong.
# Seen, for rows 3 4, 6 8, 5 12: ReduceL2 of set 18 gives 17.1464, which is the norm of all, of set 13 the right 5 10 13.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v
mkdir bin
printf '#!/bin/sh\n' >bin/pip # the converter would install a package for its logs by pip
chmod +x bin/pip
v/bin/pip install -q MNN==3.6.1 onnx==1.23.2 numpy
cat >run.py <<'PY'
import subprocess

import MNN.expr as F
import MNN.nn as nn
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

x = np.array([3, 4, 6, 8, 5, 12], np.float32).reshape(1, 1, 3, 2)
for version in (18, 13):
    names, attributes = (["x", "axes"], {}) if version == 18 else (["x"], {"axes": [3]})
    node = helper.make_node("ReduceL2", names, ["y"], keepdims=1, **attributes)
    known = [numpy_helper.from_array(np.array([3]), "axes")] if version == 18 else []
    ins = [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)]
    outs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 3, 1])]
    model = helper.make_model(helper.make_graph([node], "g", ins, outs, known), opset_imports=[helper.make_opsetid("", version)])
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "m.onnx")
    words = ["v/bin/mnnconvert", "-f", "ONNX", "--modelFile", "m.onnx", "--MNNModel", "m.mnn", "--bizCode", "b"]
    subprocess.run(words, check=True, capture_output=True)
    y = nn.load_module_from_file("m.mnn", ["x"], ["y"]).forward([F.const(x, list(x.shape), F.NCHW, F.float)])[0]
    print("@", *(f"{v:g}" for v in np.array(y.read()).ravel()), end=";")
PY
got=$(PATH="$dir/bin:$PATH" v/bin/python run.py | grep -o '@.*')
echo "set 18, set 13: $got"
[ "$got" = '@ 17.1464;@ 5 10 13;' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
