#!/usr/bin/env bash
# keras 3.15.1 on tensorflow-cpu 2.21.0: TensorFlow's profiler, the usual way to count operations of a Keras model, counts nothing for a conv
# with groups, nor for the layers behind it: Keras compiles such a conv by XLA, and the shape of its output is unknown in the frozen graph.
# No error and no warning; the total is that of the layers before it.
# Seen, on 8x8x4: two convs of 4 filters 1x1 give 2 x 2048 = 4096 operations; with groups=2 in the first 0, where 1024 + 2048 are done.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v
v/bin/pip install -q tensorflow-cpu==2.21.0 keras==3.15.1
cat >run.py <<'PY'
import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2_as_graph

for groups in (1, 2):
    x = keras.Input((8, 8, 4))
    y = keras.layers.Conv2D(4, 1, groups=groups, use_bias=False)(x)
    model = keras.Model(x, keras.layers.Conv2D(4, 1, use_bias=False)(y))
    concrete = tf.function(lambda x: model(x)).get_concrete_function(tf.TensorSpec((1, 8, 8, 4)))
    frozen, _ = convert_variables_to_constants_v2_as_graph(concrete)
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    found = tf.compat.v1.profiler.profile(graph=frozen.graph, cmd="scope", options=options)
    print(found.total_float_ops, end=" ")
PY
got=$(TF_CPP_MIN_LOG_LEVEL=3 v/bin/python -W ignore run.py 2>/dev/null)
echo "operations: $got"
[ "$got" = '4096 0 ' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
