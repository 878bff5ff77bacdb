#!/usr/bin/env bash
# tensorflowjs 4.17.0 (pip) with Keras 2.15.0: save_keras_model leaves out the weights of every layer whose name holds a slash, without an
# error or a warning. Keras's own MobileNetV3 of that version has such names ("Conv/BatchNorm", "expanded_conv/depthwise", ...).
# Seen: a conv "Conv" and a batch norm "Conv/BatchNorm": of 6 weights the manifest of model.json has 2, those of the conv.
# Needs Python 3.9 to 3.11. The converter imports JAX and two more packages that the Keras path does not use: they are empty modules here.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install -q tensorflow-cpu==2.15.1 keras==2.15.0 numpy==1.26.4 packaging six
venv/bin/pip install -q --no-deps tensorflowjs==4.17.0
cat >run.py <<'PY'
import json, sys, types

for name in ('tensorflow_decision_forests', 'tensorflow_hub', 'jax', 'jax.experimental', 'jax.experimental.jax2tf'):
    sys.modules[name] = types.ModuleType(name)
sys.modules['jax.experimental'].jax2tf = sys.modules['jax.experimental.jax2tf']
from tensorflow import keras
import tensorflowjs

x = keras.Input((4, 4, 3))
y = keras.layers.Conv2D(2, 1, name='Conv')(x)
y = keras.layers.BatchNormalization(name='Conv/BatchNorm')(y)
model = keras.Model(x, y)
tensorflowjs.converters.save_keras_model(model, 'out')
groups = json.load(open('out/model.json'))['weightsManifest']
print('written:', *sorted(w['name'] for g in groups for w in g['weights']), 'of', len(model.weights))
PY
got=$(TF_CPP_MIN_LOG_LEVEL=3 venv/bin/python run.py 2>/dev/null | grep '^written')
echo "$got"
[ "$got" = 'written: Conv/bias Conv/kernel of 6' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
