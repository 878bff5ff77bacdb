#!/usr/bin/env bash
# MNN 3.6.1: mnnconvert, which converts a local file, runs "pip install -U aliyun-log-python-sdk" twice by the pip of PATH, which may be that
# of another Python, where the package is missing; without a question and without an option against it. The package sends logs of its use.
# The conversion does not need it: it succeeds when pip does nothing, and the next one asks for it again.
# Seen, with a pip that only writes down what it is told: "install -U aliyun-log-python-sdk" twice for one conversion.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v
v/bin/pip install -q MNN==3.6.1 onnx==1.23.2 numpy
mkdir bin
printf '#!/bin/sh\necho "$@" >>"%s/called"\n' "$dir" >bin/pip
chmod +x bin/pip
v/bin/python - <<'PY'
import onnx
from onnx import TensorProto, helper

ins = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2])]
outs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])]
graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", ins, outs)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), "m.onnx")
PY
PATH="$dir/bin:$PATH" v/bin/mnnconvert -f ONNX --modelFile m.onnx --MNNModel m.mnn --bizCode b >/dev/null 2>&1
got=$(cat called)
echo "pip was told: $got"
ls m.mnn
[ "$got" = 'install -U aliyun-log-python-sdk
install -U aliyun-log-python-sdk' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
