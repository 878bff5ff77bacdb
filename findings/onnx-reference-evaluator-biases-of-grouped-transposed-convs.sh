#!/usr/bin/env bash
# onnx 1.23.2: ConvTranspose of the reference evaluator gives every group the first biases: no error, wrong results for depthwise transposed
# convs with a bias. Where a group makes another number of channels than it reads it cuts the kernel in the wrong places and raises
# "cannot reshape array", and where it makes two or more of as many it raises "could not broadcast".
# Seen, for zeros and the biases 1 2 3 of three groups: 1 1 1, where onnxruntime 1.32.0 gives 1 2 3; the errors for groups of two to one
# and of two to two channels, which onnxruntime computes.
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
from onnx.reference import ReferenceEvaluator

for groups, reads, makes in ((3, 1, 1), (2, 2, 1), (2, 2, 2)):
    kernel = np.ones((groups * reads, makes, 1, 1), np.float32)
    bias = np.arange(1, groups * makes + 1, dtype=np.float32)
    x = np.zeros((1, groups * reads, 1, 1), np.float32)
    node = helper.make_node("ConvTranspose", ["x", "k", "b"], ["y"], group=groups)
    ins = [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)]
    outs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, groups * makes, 1, 1])]
    weights = [numpy_helper.from_array(kernel, "k"), numpy_helper.from_array(bias, "b")]
    model = helper.make_model(helper.make_graph([node], "g", ins, outs, weights), opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    onnx.checker.check_model(model, full_check=True)
    theirs = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
    try:
        said = " ".join(f"{v:g}" for v in ReferenceEvaluator(model).run(None, {"x": x})[0].ravel())
    except ValueError as problem:
        said = " ".join(str(problem).split()[:3])
    print(said, "for", *(f"{v:g}" for v in theirs.ravel()), end="; ")
PY
got=$(v/bin/python run.py)
echo "reference evaluator, onnxruntime: $got"
[ "$got" = '1 1 1 for 1 2 3; cannot reshape array for 1 2; could not broadcast for 1 2 3 4; ' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
