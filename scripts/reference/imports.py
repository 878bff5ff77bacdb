"""State dicts of timm, torchvision, pytorchcv and Keras by name and shape, with the logits that they give when each tensor is
filled by its place in the list, as JSON. test/support/reference-files.ts is the other side.

    python scripts/reference/imports.py test/import/reference.json
"""

import json
import os
import sys
from functools import partial
from importlib.metadata import version

os.environ["KERAS_BACKEND"] = "torch"  # TensorFlow and PyTorch do not live in one process

import keras
import numpy as np
import pytorchcv
import timm
import torch
import torchvision
from pytorchcv.model_provider import get_model
from timm.models.efficientnet import _gen_mobilenet_v1
from timm.models.mobilenetv3 import _gen_mobilenet_v3

import mcunet
from fill import images, uniform

CLASSES = 10
tv = torchvision.models
apps = keras.applications


def of_timm(name, **options):
    return timm.create_model(name, num_classes=CLASSES, **options)


def of_pytorchcv(name):
    model = get_model(name, num_classes=CLASSES)
    model.features.final_pool = torch.nn.AdaptiveAvgPool2d(1)  # written for 7 x 7 places only
    return model


def deployed(name):
    return timm.utils.reparameterize_model(of_timm(name))


def of_keras(make, size, /, **options):
    return make(weights=None, classes=CLASSES, input_shape=(size, size, 3), classifier_activation=None, **options)


# a width without a name of its own is prepared as the smallest net
NARROW = {"dims": (12, 24, 48, 96), "pretrained_cfg_overlay": {"crop_pct": 0.875}}


def small_convnext():
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt

    channels = (12, 24, 48, 96, None)
    settings = [CNBlockConfig(c, channels[i + 1], n) for i, (c, n) in enumerate(zip(channels, (3, 3, 9, 3)))]
    return ConvNeXt(settings, num_classes=CLASSES)


# our name and options, size, source, how the library makes it
TORCH = [
    ("mobilenet-v1 width=0.25", 64, "timm", partial(_gen_mobilenet_v1, "mobilenetv1_100", 0.25, num_classes=CLASSES)),
    ("mobilenet-v2 width=0.35", 64, "timm", partial(of_timm, "mobilenetv2_035")),
    ("mobilenet-v3-small width=0.5", 64, "timm", partial(of_timm, "mobilenetv3_small_050")),
    (
        "mobilenet-v3-large width=0.5",
        64,
        "timm",
        partial(_gen_mobilenet_v3, "mobilenetv3_large_100", 0.5, num_classes=CLASSES),
    ),
    ("mobilenet-v4-conv-small width=0.35", 64, "timm", partial(of_timm, "mobilenetv4_conv_small_035")),
    ("ghostnet width=0.5", 64, "timm", partial(of_timm, "ghostnet_050")),
    ("mnasnet width=0.5", 64, "timm", partial(of_timm, "mnasnet_050")),
    ("efficientnet-b0", 64, "timm", partial(of_timm, "efficientnet_b0")),
    ("efficientnet-lite0", 64, "timm", partial(of_timm, "efficientnet_lite0")),
    ("efficientnet-lite1", 64, "timm", partial(of_timm, "efficientnet_lite1")),
    ("lcnet width=0.35", 64, "timm", partial(of_timm, "lcnet_035")),
    ("regnet-x-200mf", 64, "timm", partial(of_timm, "regnetx_002")),
    ("regnet-x-400mf", 64, "timm", partial(of_timm, "regnetx_004")),
    ("regnet-y-200mf", 64, "timm", partial(of_timm, "regnety_002")),
    ("regnet-y-400mf", 64, "timm", partial(of_timm, "regnety_004")),
    ("mobileone-s0", 64, "timm", partial(of_timm, "mobileone_s0")),
    ("mobileone-s1", 64, "timm", partial(of_timm, "mobileone_s1")),
    ("mobileone-s0 form=deploy", 64, "timm", partial(deployed, "mobileone_s0")),
    ("repvgg-a0", 64, "timm", partial(of_timm, "repvgg_a0")),
    ("repvgg-a1 form=deploy", 64, "timm", partial(deployed, "repvgg_a1")),
    ("fasternet-t0", 64, "timm", partial(of_timm, "fasternet_t0")),
    ("starnet-s050", 64, "timm", partial(of_timm, "starnet_s050")),
    ("starnet-s1", 64, "timm", partial(of_timm, "starnet_s1")),
    *[
        (words, size, "timm-tf" if name.startswith("tf_") else "timm", partial(of_timm, name))
        for name, words, size in (
            ("mobilenetv4_conv_medium", "mobilenet-v4-conv-medium", 64),
            ("efficientnet_b1", "efficientnet-b1", 64),
            ("tf_efficientnet_b2", "efficientnet-b2", 65),
            ("tinynet_a", "tinynet-a", 64),
            ("tinynet_e", "tinynet-e", 53),
            ("mixnet_s", "mixnet", 64),
            ("tf_mixnet_s", "mixnet", 65),
            ("mixnet_m", "mixnet variant=m", 64),
            ("rexnet_100", "rexnet", 64),
            ("rexnetr_100", "rexnet divisor=8", 64),
            ("lcnetv2_small", "lcnet-v2 width=0.75 blocks=4", 64),
            ("ghostnetv2_100", "ghostnet-v2", 80),
            ("ghostnetv3_050", "ghostnet-v3 width=0.5", 80),
            ("repghostnet_050", "repghostnet width=0.5", 64),
            ("fbnetv3_b", "fbnet-v3", 64),
            ("hardcorenas_a", "hardcorenas", 64),
            ("mobileone_s2", "mobileone-s2", 64),
            ("mobileone_s4", "mobileone-s4", 64),
            ("repvit_m0_9", "repvit distilled=true", 64),
            ("repvit_m1", "repvit variant=m1 distilled=true", 64),
            ("starnet_s100", "starnet-s100", 64),
            ("starnet_s2", "starnet-s2", 64),
            ("test_efficientnet", "test-efficientnet", 64),
            ("test_resnet", "test-resnet", 55),
            ("test_byobnet", "test-byobnet", 64),
        )
    ],
    ("proxylessnas", 64, "pytorchcv", partial(of_pytorchcv, "proxylessnas_mobile")),
    ("proxylessnas variant=gpu", 64, "pytorchcv", partial(of_pytorchcv, "proxylessnas_gpu")),
    ("fbnet-c", 64, "timm", partial(of_timm, "fbnetc_100", bn_eps=1e-3)),  # as for its trained weights
    *[
        (f"{words} form=deploy", 80, "timm", partial(deployed, name))
        for name, words in (
            ("repghostnet_050", "repghostnet width=0.5"),
            ("ghostnetv3_050", "ghostnet-v3 width=0.5"),
            ("lcnetv2_small", "lcnet-v2 width=0.75 blocks=4"),
        )
    ],
    ("densenet-121", 64, "timm", partial(of_timm, "densenet121")),
    ("xception", 64, "timm", partial(of_timm, "legacy_xception")),
    ("resnet-18", 64, "timm", partial(of_timm, "resnet18")),
    ("resnet-50", 64, "timm", partial(of_timm, "resnet50")),
    ("efficientnet-b0", 64, "timm-tf", partial(of_timm, "tf_efficientnet_b0")),
    ("efficientnet-lite0", 65, "timm-tf", partial(of_timm, "tf_efficientnet_lite0")),
    ("mobilenet-v3-small", 64, "timm-tf", partial(of_timm, "tf_mobilenetv3_small_100")),
    ("mobilenet-v3-large", 64, "timm-tf", partial(of_timm, "tf_mobilenetv3_large_100")),
    ("resnet-18", 64, "torchvision", partial(tv.resnet18, num_classes=CLASSES)),
    ("resnet-34", 32, "torchvision", partial(tv.resnet34, num_classes=CLASSES)),
    ("resnet-50", 64, "torchvision", partial(tv.resnet50, num_classes=CLASSES)),
    ("resnext-50", 64, "torchvision", partial(tv.resnext50_32x4d, num_classes=CLASSES)),
    ("densenet-121", 64, "torchvision", partial(tv.densenet121, num_classes=CLASSES)),
    ("mobilenet-v2 width=0.35", 64, "torchvision", partial(tv.mobilenet_v2, width_mult=0.35, num_classes=CLASSES)),
    ("mobilenet-v3-small", 64, "torchvision", partial(tv.mobilenet_v3_small, num_classes=CLASSES)),
    ("mobilenet-v3-large", 64, "torchvision", partial(tv.mobilenet_v3_large, num_classes=CLASSES)),
    ("efficientnet-b0", 64, "torchvision", partial(tv.efficientnet_b0, num_classes=CLASSES)),
    ("efficientnet-b1", 64, "torchvision", partial(tv.efficientnet_b1, num_classes=CLASSES)),
    ("mnasnet width=0.5", 64, "torchvision", partial(tv.mnasnet0_5, num_classes=CLASSES)),
    ("shufflenet-v2 width=0.5", 64, "torchvision", partial(tv.shufflenet_v2_x0_5, num_classes=CLASSES)),
    ("squeezenet version=1.0", 65, "torchvision", partial(tv.squeezenet1_0, num_classes=CLASSES)),
    ("squeezenet version=1.1", 64, "torchvision", partial(tv.squeezenet1_1, num_classes=CLASSES)),
    ("regnet-y-400mf", 64, "torchvision", partial(tv.regnet_y_400mf, num_classes=CLASSES)),
    ("convnext width=0.25", 64, "timm", partial(of_timm, "convnext_atto", dims=(10, 20, 40, 80))),
    ("convnext width=0.25 stem=tiered", 64, "timm", partial(of_timm, "convnext_atto_ols", dims=(10, 20, 40, 80))),
    ("convnext variant=tiny width=0.125", 64, "timm", partial(of_timm, "convnext_tiny", **NARROW)),
    ("convnext variant=tiny width=0.125 head=norm", 64, "timm", partial(of_timm, "convnext_tiny_hnf", **NARROW)),
    ("convnext-v2 width=0.25", 64, "timm", partial(of_timm, "convnextv2_atto", dims=(10, 20, 40, 80))),
    ("inception-next width=0.25", 64, "timm", partial(of_timm, "inception_next_atto", dims=(10, 20, 40, 80))),
    ("convnext variant=tiny width=0.125", 64, "torchvision", small_convnext),
    # as their authors name the weights; odd and even maps at every stride
    *[(f"mcunet-{net}", size, "mcunet", partial(mcunet.make, net, CLASSES)) for net, size in mcunet.KEPT],
]
KERAS = [
    ("mobilenet-v1 width=0.25", 64, partial(of_keras, apps.MobileNet, alpha=0.25)),
    ("mobilenet-v1 width=0.25", 55, partial(of_keras, apps.MobileNet, alpha=0.25)),
    ("mobilenet-v2 width=0.35", 64, partial(of_keras, apps.MobileNetV2, alpha=0.35)),
    ("mobilenet-v2 width=0.35", 55, partial(of_keras, apps.MobileNetV2, alpha=0.35)),
    ("mobilenet-v3-small", 64, partial(of_keras, apps.MobileNetV3Small, include_preprocessing=False)),
    ("mobilenet-v3-large", 64, partial(of_keras, apps.MobileNetV3Large, include_preprocessing=False)),
    ("efficientnet-b0", 64, partial(of_keras, apps.EfficientNetB0)),
    ("efficientnet-b1", 64, partial(of_keras, apps.EfficientNetB1)),
    ("densenet-121", 64, partial(of_keras, apps.DenseNet121)),
    ("resnet-50", 64, partial(of_keras, apps.ResNet50)),
    ("xception", 72, partial(of_keras, apps.Xception)),
]


def values(name, k, shape, outputs):
    """Tensor k, by what its name says that it is; `outputs` is the axis of a kernel's outputs."""
    n = int(np.prod(shape))
    u = uniform(k, n)
    last = name.replace("/", ".").split(".")[-1]
    if last in ("running_mean", "moving_mean", "bias", "beta"):
        v = 0.2 * (2 * u - 1)
    elif last in ("running_var", "moving_variance", "gamma") or len(shape) == 1:
        v = 0.5 + u
    else:
        fan = shape[0] * shape[1] if shape[-1] == 1 and outputs == -1 else n / shape[outputs]
        v = np.sqrt(3 / fan) * (2 * u - 1)
    return v.astype(np.float32).reshape(shape)


NORMS = (
    ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"],
    ["gamma", "beta", "moving_mean", "moving_variance"],
)


def brief(shapes):
    """Names and shapes, with the five or four tensors of a batch norm as one number, its channels."""
    modules = {}
    for name, shape in shapes.items():
        cut = max(name.rfind("."), name.rfind("/"))
        modules.setdefault(name[:cut], {})[name[cut:]] = shape
    return {
        key: value
        for module, parts in modules.items()
        for key, value in (
            [(module, next(iter(parts.values()))[0])]
            if [part[1:] for part in parts] in NORMS
            else [(module + part, shape) for part, shape in parts.items()]
        )
    }


def preprocessing(model):
    """timm's default configuration of this model."""
    cfg = getattr(model, "pretrained_cfg", None)
    if not cfg:
        return {}
    return {"mean": cfg["mean"], "std": cfg["std"], "interpolation": cfg["interpolation"], "crop": cfg["crop_pct"]}


def row(net, size, source, package, tensors, logits, said={}):
    return {
        "net": f"{net} size={size} classes={CLASSES}",
        "source": source,
        "by": f"{package.__name__} {version(package.__name__).partition('+')[0]}",
        "preprocessing": said,
        "tensors": brief(tensors),
        "logits": [float(f"{v:.9g}") for v in logits],
    }


def of_torch(net, size, source, make):
    torch.manual_seed(0)
    model = make().eval()
    state = model.state_dict()
    with torch.no_grad():
        for k, (name, tensor) in enumerate(state.items()):
            if not name.endswith("num_batches_tracked"):
                tensor.copy_(torch.from_numpy(values(name, k, tuple(tensor.shape), 0)))
        single = model(images(1, size))[0].double()
        exact = model.double()(images(1, size).double())[0]
    logits = exact.tolist()
    rounding = float((single - exact).abs().max() / exact.abs().max())
    package = {"timm": timm, "pytorchcv": pytorchcv, "mcunet": torch}.get(type(model).__module__.split(".")[0], torchvision)
    shapes = {name: list(t.shape) for name, t in state.items()}
    made = row(net, size, source, package, shapes, logits, preprocessing(model))
    # where made-up weights saturate gates, rounding grows: PyTorch's own float32 says how much
    return made | ({"rounding": float(f"{rounding:.2g}")} if rounding > 2.5e-5 else {})


def of_applications(net, size, make):
    keras.backend.clear_session()
    keras.config.set_floatx("float64")
    model = make(size)
    variables = [v for layer in model.layers for v in layer.variables if "seed_generator" not in v.path]
    scaled = any(v.path.startswith("normalization") for v in variables)
    for k, v in enumerate(variables):
        if not v.path.startswith("normalization"):
            v.assign(values(v.path, k, tuple(v.shape), -1))
    x = images(1, size).numpy().transpose(0, 2, 3, 1).astype(np.float64)
    logits = model.predict(x * 255 if scaled else x, verbose=0)[0].tolist()
    return row(net, size, "keras", keras, {v.path: list(v.shape) for v in variables}, logits)


if __name__ == "__main__":
    rows = [json.dumps(of_torch(*c)) for c in TORCH] + [json.dumps(of_applications(*c)) for c in KERAS]
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write('{\n  "cases": [\n    ' + ",\n    ".join(rows) + "\n  ]\n}\n")
