"""Nets of Keras as Keras itself saves them: model.json (by tensorflowjs's converter), .h5, .keras and .weights.h5.

Run it once in each of two environments: one of `tensorflow-cpu==2.15.1 keras==2.15.0 tensorflowjs==4.17.0`, which also
converts the files of the other, and one of `keras==3.15.0 torch`.

    python scripts/reference/keras_files.py FOLDER [NAME ...] writes FOLDER/keras2 or FOLDER/keras3, of all nets or these
    python scripts/reference/keras_files.py FOLDER --convert  model.json of every .h5 there is (tensorflowjs)
    python scripts/reference/keras_files.py FOLDER --pack test/import/keras  those that the tests need, packed

`npx tsx scripts/reference/keras-check.ts FOLDER` imports them all.
"""

import glob
import gzip
import json
import os
import sys
from unittest.mock import MagicMock

import numpy as np

from uniform import uniform

SIZE, CLASSES = 32, 3


# whose files are not kept: values without a period keep these deep nets well conditioned
LARGE = ("convnext-tiny", "efficientnet", "densenet", "resnet", "xception")
# compared by keras-check alone
ONCE = ("convnext-tiny",)
# of the others both .h5 and .keras
KEPT = {"v3-large": (), "v3-small": ("h5",), "headless": ("keras",)}


def values(name, shape, large):
    """By the name's hash and the place, of a period of 61 so that files are small when packed."""
    key = name.split("/")
    h = 0
    for c in "/".join(key[-2:]):
        h = (31 * h + ord(c)) % 9973
    n = int(np.prod(shape))
    u = uniform(h, n) if large else ((37 * np.arange(n, dtype=np.int64) + 11 * h) % 61 + 0.5) / 61
    last = key[-1]
    if last in ("moving_mean", "bias", "beta"):
        v = 0.2 * (2 * u - 1)
    elif last in ("moving_variance", "gamma"):
        v = 0.5 + u
    else:
        depthwise = "depthwise" in name or "dwconv" in name or "conv_dw" in name
        fan = shape[0] * shape[1] if depthwise and len(shape) == 4 else n / shape[-1]
        v = np.sqrt(3 / fan) * (2 * u - 1)
    return v.astype(np.float32).reshape(shape)


def image(scale, size):
    """One image of [1, size, size, 3], of -1 to 1 or of pixels; test/support/reference-fill.ts has the same numbers."""
    u = uniform(2**31, size * size * 3)
    x = np.floor(256 * u) if scale == "pixels" else 2 * u - 1
    return x.astype(np.float32).reshape(1, size, size, 3)


def nets(keras):
    """Name, our architecture, range of the input, and the model."""
    apps, layers = keras.applications, keras.layers
    top = dict(weights=None, classes=CLASSES, input_shape=(SIZE, SIZE, 3), classifier_activation=None)
    base = dict(weights=None, include_top=False, input_shape=(SIZE, SIZE, 3))
    large = dict(top, input_shape=(71, 71, 3))

    def functional():
        """The tutorial on transfer learning: augmentation, preprocess_input, a base within, and a head of one layer."""
        x = inputs = keras.Input((SIZE, SIZE, 3))
        x = layers.RandomFlip("horizontal")(x)
        x = apps.mobilenet_v2.preprocess_input(x)
        x = apps.MobileNetV2(alpha=0.05, **base)(x, training=False)
        x = layers.GlobalAveragePooling2D()(x)
        x = layers.Dropout(0.3)(x)
        return keras.Model(inputs, layers.Dense(CLASSES, activation="softmax")(x))

    def flat():
        """A head of many layers on the base's own output."""
        model = apps.MobileNetV2(alpha=0.05, **base)
        x = layers.AveragePooling2D((SIZE // 32, SIZE // 32))(model.output)
        x = layers.Flatten()(x)
        x = layers.Dense(16, activation="relu")(x)
        x = layers.BatchNormalization()(x)
        x = layers.Dropout(0.5)(x)
        return keras.Model(model.input, layers.Dense(CLASSES, activation="softmax", name="answer")(x))

    def sequential():
        steps = [layers.Rescaling(1 / 255, offset=0.25), apps.MobileNet(alpha=0.25, **base)]
        model = keras.Sequential([keras.Input((SIZE, SIZE, 3)), *steps, layers.GlobalMaxPooling2D()])
        model.add(layers.Dense(CLASSES))
        model.add(layers.Activation("softmax"))
        return model

    def convnext():
        """ConvNeXtTiny with few channels."""
        from_scratch = getattr(apps.convnext, "ConvNeXt", None)
        if from_scratch is None:  # not among the public names
            from keras.src.applications.convnext import ConvNeXt as from_scratch
        return from_scratch([3, 3, 9, 3], [5, 10, 19, 38], name="convnext_tiny", **top)

    def pooled():
        """A base that pools and scales pixels itself; Keras's own head after the pool is not there."""
        inner = apps.MobileNetV3Small(alpha=0.25, pooling="avg", **base)
        return keras.Sequential([keras.Input((SIZE, SIZE, 3)), inner, layers.Dense(CLASSES)])

    return [
        ("v1", "mobilenet-v1 width=0.25", "unit", lambda: apps.MobileNet(alpha=0.25, **top)),
        ("v2", "mobilenet-v2 width=0.05", "unit", lambda: apps.MobileNetV2(alpha=0.05, **top)),
        (
            "v3-small",
            "mobilenet-v3-small width=0.25",
            "unit",
            lambda: apps.MobileNetV3Small(alpha=0.25, include_preprocessing=False, **top),
        ),
        ("v3-large", "mobilenet-v3-large width=0.25", "pixels", lambda: apps.MobileNetV3Large(alpha=0.25, **top)),
        ("efficientnet", "efficientnet-b0", "pixels", lambda: apps.EfficientNetB0(**top)),
        ("convnext", "convnext variant=tiny width=0.05", "pixels", convnext),
        ("convnext-tiny", "convnext variant=tiny", "pixels", lambda: apps.ConvNeXtTiny(**top)),
        ("densenet", "densenet-121", "unit", lambda: apps.DenseNet121(**top)),
        ("resnet", "resnet-50", "unit", lambda: apps.ResNet50(**top)),
        ("xception", "xception size=71", "unit", lambda: apps.Xception(**large)),
        ("functional", "mobilenet-v2 width=0.05", "pixels", functional),
        ("flat", "mobilenet-v2 width=0.05", "unit", flat),
        ("sequential", "mobilenet-v1 width=0.25", "pixels", sequential),
        ("pooled", "mobilenet-v3-small width=0.25", "pixels", pooled),
        ("headless", "mobilenet-v2 width=0.05", "unit", lambda: apps.MobileNetV2(alpha=0.05, **base)),
    ]


def variables(model):
    """Every weight of a model and of those within, with its layer's name and its own."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from variables(layer)
        else:
            for v in layer.weights:
                own = getattr(v, "path", v.name).split("/")[-1].removesuffix(":0")
                if "seed" not in own and own != "count":
                    yield layer, own, v


def filled(model, large):
    for layer, own, v in variables(model):
        if type(layer).__name__ == "Normalization":
            v.assign(np.array([0.4, 0.5, 0.6] if own == "mean" else [0.04, 0.05, 0.06], np.float32).reshape(v.shape))
        else:
            kind = "depthwise_kernel" if type(layer).__name__ == "DepthwiseConv2D" and own == "kernel" else own
            v.assign(values(f"{layer.name}/{kind}", tuple(v.shape), large))
    return model


def write(folder, wanted):
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    folder = os.path.join(folder, f"keras{keras.__version__[0]}")
    os.makedirs(folder, exist_ok=True)
    listed = os.path.join(folder, "outputs.json")
    outputs = {}
    if wanted and os.path.exists(listed):
        with open(listed, encoding="utf-8") as file:
            outputs = json.load(file)
    for name, net, scale, make in nets(keras):
        if wanted and name not in wanted:
            continue
        keras.backend.clear_session()
        model = filled(make(), name in LARGE)
        if name in ("functional", "flat"):
            model.compile(optimizer="adam", loss="categorical_crossentropy")
        for kind in ("h5", "keras"):
            model.save(os.path.join(folder, f"{name}.{kind}"))
        model.save_weights(os.path.join(folder, f"{name}.weights.h5"))
        size = model.input_shape[1]
        out = model.predict(image(scale, size), verbose=0)[0].ravel()
        softmax = name in ("functional", "flat", "sequential")
        outputs[name] = {
            "net": net,
            "size": size,
            "input": scale,
            "softmax": softmax,
            "by": f"Keras {keras.__version__}",
            "outputs": [] if name == "headless" else [float(f"{v:.9g}") for v in out.tolist()],
        }
        print(name, out[:3], flush=True)
    with open(listed, "w", encoding="utf-8") as file:
        json.dump(outputs, file, indent=1)
        file.write("\n")


def convert(folder):
    """What `tensorflowjs_converter --input_format keras` writes; what else it imports is not needed for it."""
    for name in ("tensorflow_decision_forests", "tensorflow_hub", "jax", "jax.experimental", "jax.experimental.jax2tf"):
        sys.modules[name] = MagicMock()
    from tensorflowjs.converters.converter import dispatch_keras_h5_to_tfjs_layers_model_conversion

    for path in sorted(glob.glob(os.path.join(folder, "keras?", "*.h5"))):
        if not path.endswith(".weights.h5"):
            dispatch_keras_h5_to_tfjs_layers_model_conversion(path, path.removesuffix(".h5"))


def pack(folder, into):
    """Small nets whole; of large ones the model.json alone, whose weights the tests make by the same formula."""
    os.makedirs(into, exist_ok=True)
    outputs = {}
    for version in ("keras2", "keras3"):
        with open(os.path.join(folder, version, "outputs.json"), encoding="utf-8") as file:
            outputs[version] = json.load(file)
        for name in outputs[version]:
            if name in ONCE:
                continue
            found = {f"{name}.json": f"{name}/model.json"}
            if name not in LARGE:
                found |= {f"{name}.{kind}": f"{name}.{kind}" for kind in KEPT.get(name, ("h5", "keras"))}
                if (version == "keras3" or name == "v2") and name != "v3-large":
                    found[f"{name}.weights.h5"] = f"{name}.weights.h5"
                found[f"{name}.bin"] = f"{name}/group1-shard1of1.bin"
            for own, path in found.items():
                with open(os.path.join(folder, version, path), "rb") as file:
                    packed = gzip.compress(file.read(), 9, mtime=0)
                with open(os.path.join(into, f"{version}-{own}.gz"), "wb") as file:
                    file.write(packed)
    with open(os.path.join(into, "outputs.json"), "w", encoding="utf-8") as file:
        json.dump(outputs, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    if sys.argv[2:] == ["--convert"]:
        convert(sys.argv[1])
    elif sys.argv[2:3] == ["--pack"]:
        pack(sys.argv[1], sys.argv[3])
    else:
        write(sys.argv[1], sys.argv[2:])
