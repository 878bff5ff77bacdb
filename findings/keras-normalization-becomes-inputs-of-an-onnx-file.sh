#!/usr/bin/env bash
# Keras 3.15.1 on TensorFlow 2.21.0 with tf2onnx 1.17.0: model.export(format="onnx") of a model with a Normalization layer (all
# EfficientNets of keras.applications have one) writes the layer's mean and deviation as inputs of the graph, without values. onnx's
# checker accepts the file; onnxruntime then asks for them at every run. Other layers' weights are initializers, as one expects.
# Seen: three inputs, "checked", and "Required inputs ... are missing"; a Conv2D in its place gives one input.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v
v/bin/pip install -q tensorflow-cpu==2.21.0 keras==3.15.1 tf2onnx==1.17.0 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat >run.py <<'PY'
import os

os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import numpy as np
import onnx
import onnxruntime

pixels = np.zeros((1, 8, 8, 3), "float32")
for layer in (keras.layers.Normalization(mean=[0.0] * 3, variance=[1.0] * 3), keras.layers.Conv2D(2, 1)):
    x = keras.Input((8, 8, 3))
    model = keras.Model(x, layer(x))
    model(pixels)
    model.export("m.onnx", format="onnx", verbose=False)
    file = onnx.load("m.onnx")
    onnx.checker.check_model(file)
    session = onnxruntime.InferenceSession("m.onnx")
    try:
        session.run(None, {session.get_inputs()[0].name: pixels})
        said = "runs"
    except ValueError as error:
        said = "misses inputs" if str(error).startswith("Required inputs") else str(error)
    print("RESULT", type(layer).__name__, len(file.graph.input), "inputs, checked,", said)
PY
got=$(v/bin/python -W ignore run.py 2>/dev/null | sed -n 's/^RESULT //p')
echo "$got"
[ "$got" = 'Normalization 3 inputs, checked, misses inputs
Conv2D 1 inputs, checked, runs' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
