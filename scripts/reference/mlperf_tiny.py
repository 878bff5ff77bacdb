"""Counts of the four nets of MLPerf Tiny, built in Keras as their reference code has them (github.com/mlcommons/tiny).

    python scripts/reference/mlperf_tiny.py test/zoo/reference/mlperf-tiny.json
"""

import json
import math
import os
import sys

os.environ["KERAS_BACKEND"] = "torch"

import keras
from keras import layers as L


def unit(x, conv):
    return L.ReLU()(L.BatchNormalization()(conv(x)))


def separable(x, out, stride=1):
    x = unit(x, L.DepthwiseConv2D(3, strides=stride, padding="same"))
    return unit(x, L.Conv2D(out, 1, padding="same"))


def ds_cnn(x):
    x = unit(x, L.Conv2D(64, (10, 4), strides=2, padding="same"))
    for _ in range(4):
        x = separable(x, 64)
    return L.Dense(12)(L.GlobalAveragePooling2D()(x))


def mobilenet(x):
    x = unit(x, L.Conv2D(8, 3, strides=2, padding="same"))
    for out, stride in [(16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), *[(128, 1)] * 5, (256, 2), (256, 1)]:
        x = separable(x, out, stride)
    return L.Dense(2)(L.GlobalAveragePooling2D()(x))


def resnet8(x):
    x = unit(x, L.Conv2D(16, 3, padding="same"))
    for out, stride in [(16, 1), (32, 2), (64, 2)]:
        y = unit(x, L.Conv2D(out, 3, strides=stride, padding="same"))
        y = L.BatchNormalization()(L.Conv2D(out, 3, padding="same")(y))
        x = x if stride == 1 else L.Conv2D(out, 1, strides=stride, padding="same")(x)
        x = L.ReLU()(L.Add()([x, y]))
    return L.Dense(10)(L.GlobalAveragePooling2D()(x))


def autoencoder(x):
    x = L.Flatten()(x)
    for units in [128] * 4 + [8] + [128] * 4:
        x = unit(x, L.Dense(units))
    return L.Dense(640)(x)


NETS = {
    "ds-cnn": ((49, 10, 1), ds_cnn),
    "mobilenet-v1-vww": ((96, 96, 3), mobilenet),
    "resnet-8": ((32, 32, 3), resnet8),
    "autoencoder": ((5, 128, 1), autoencoder),
}


def count(net, shape, make):
    x = keras.Input(shape)
    model = keras.Model(x, make(x))
    size = lambda weights: sum(math.prod(w.shape) for w in weights)
    macs = 0
    for layer in model.layers:
        if isinstance(layer, L.DepthwiseConv2D):
            macs += math.prod(layer.output.shape[1:]) * math.prod(layer.kernel_size)
        elif isinstance(layer, (L.Conv2D, L.Dense)):
            macs += math.prod(layer.output.shape[1:-1]) * math.prod(layer.kernel.shape)
    norms = [w for layer in model.layers if isinstance(layer, L.BatchNormalization) for w in layer.non_trainable_weights]
    by = f"keras {keras.__version__}"
    return {"net": net, "by": by, "params": size(model.trainable_weights), "macs": macs, "normStats": size(norms)}


if __name__ == "__main__":
    rows = [json.dumps(count(net, *made)) for net, made in NETS.items()]
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write('{\n  "counts": [\n    ' + ",\n    ".join(rows) + "\n  ]\n}\n")
