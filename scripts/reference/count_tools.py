"""What tools that count operations say of nets and of single layers, as JSON on stdout: count-tools.ts starts this once for
each set of packages, and joins what it prints. Two tools cannot be in one process, since `thop` and `ultralytics-thop` are
packages of one import name.

    python scripts/reference/count_tools.py TOOL [TOOL ...] >counts.json
"""

import contextlib
import copy
import io
import json
import os
import sys
import warnings
from functools import partial
from importlib.metadata import version

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
warnings.filterwarnings("ignore")

# What a tool sees of a model where its author wrote a function, a mean or a class of his own in place of a module of torch.nn:
# for each tool the kind of node (and the beginning of its path) and the share of it that is counted.
BY_FUNCTION = {"thop": {"globalPool": 0}, "ultralytics-thop": {"globalPool": 0}, "ptflops": {"globalPool": 0.5}}
BY_MEAN = {tool: {"globalPool": 0} for tool in ("fvcore", "thop", "ultralytics-thop", "ptflops")}
OWN_NORMS = {"thop": {"norm": 0}, "ptflops": {"norm": 0}}
OWN_DENSE = {"thop": {"dense head/dense": 0}, "ptflops": {"dense head/dense": 0}}
# timm's squeeze-excite takes a mean; its head pools by a module
GATES_BY_MEAN = {tool: {"globalPool stage": 0} for tool in BY_MEAN}


def both(*views):
    tools = dict.fromkeys(tool for view in views for tool in view)
    return {tool: {k: v for view in views for k, v in view.get(tool, {}).items()} for tool in tools}


def torch_nets():
    """Our words, size, who wrote it, its model, and the views of it that differ from ours."""
    import timm
    import torchvision

    tv = torchvision.models

    for name in ("resnet-18", "resnet-34", "resnet-50"):
        yield name, 224, torchvision, getattr(tv, name.replace("-", "")), {}
    yield "resnet-18 size=160", 160, torchvision, tv.resnet18, {}
    yield "resnext-50", 224, torchvision, tv.resnext50_32x4d, {}
    for form in ("small", "large"):
        for size in (160, 224):
            words = f"mobilenet-v3-{form} size={size}"
            yield words, size, torchvision, getattr(tv, f"mobilenet_v3_{form}"), {}
    for form, size in (("1.0", 224), ("1.0", 231), ("1.1", 224), ("1.1", 231)):
        make = getattr(tv, f"squeezenet{form.replace('.', '_')}")
        yield f"squeezenet version={form} size={size}", size, torchvision, make, {}
    yield "efficientnet-b0", 224, torchvision, tv.efficientnet_b0, {}
    yield "efficientnet-b0 size=240", 240, torchvision, tv.efficientnet_b0, {}
    yield "regnet-y-400mf", 224, torchvision, tv.regnet_y_400mf, {}
    # nets of torchvision of which some tools see less
    for width in (0.35, 0.5, 1, 1.4):
        yield f"mobilenet-v2 width={width}", 224, torchvision, partial(tv.mobilenet_v2, width_mult=width), BY_FUNCTION
    yield "densenet-121", 224, torchvision, tv.densenet121, both(BY_FUNCTION, {"ptflops": {"act head": 0.5}})
    for width in ("0_5", "0_75", "1_0", "1_3"):
        words = f"mnasnet width={width.replace('_', '.')}"
        yield words, 224, torchvision, getattr(tv, f"mnasnet{width}"), BY_MEAN
    for width in ("0_5", "1_0", "1_5", "2_0"):
        words = f"shufflenet-v2 width={width.replace('_', '.')}"
        yield words, 224, torchvision, getattr(tv, f"shufflenet_v2_x{width}"), BY_MEAN
    # nets of timm
    def by_timm(words, name, *views, size=224):
        return words, size, timm, partial(timm.create_model, name), both(*views)

    for words, name in (("resnet-18", "resnet18"), ("resnet-34", "resnet34"), ("resnet-50", "resnet50")):
        yield by_timm(words, name)
    yield by_timm("resnext-50", "resnext50_32x4d")
    yield by_timm("xception", "legacy_xception", size=299)
    yield by_timm("starnet-s050", "starnet_s050", OWN_DENSE)
    yield by_timm("starnet-s1", "starnet_s1", OWN_DENSE)
    yield by_timm("fasternet-t0", "fasternet_t0", OWN_DENSE)
    yield by_timm("ghostnet", "ghostnet_100", OWN_DENSE, GATES_BY_MEAN, {t: {"norm head": 0} for t in OWN_NORMS})
    yield by_timm("mobilenet-v2", "mobilenetv2_100", OWN_NORMS)
    yield by_timm("mobilenet-v4-conv-small", "mobilenetv4_conv_small", OWN_NORMS, OWN_DENSE)
    yield by_timm("efficientnet-lite0", "efficientnet_lite0", OWN_NORMS)
    yield by_timm("mnasnet", "mnasnet_100", OWN_NORMS)
    yield by_timm("regnet-x-200mf", "regnetx_002", OWN_NORMS)
    yield by_timm("densenet-121", "densenet121", OWN_NORMS)
    yield by_timm("lcnet", "lcnet_100", OWN_NORMS, OWN_DENSE, GATES_BY_MEAN)
    yield by_timm("mobilenet-v3-large", "mobilenetv3_large_100", OWN_NORMS, OWN_DENSE, GATES_BY_MEAN)
    yield by_timm("efficientnet-b0", "efficientnet_b0", OWN_NORMS, GATES_BY_MEAN)
    yield by_timm("regnet-y-200mf", "regnety_002", OWN_NORMS, GATES_BY_MEAN)


def keras_nets():
    import keras

    apps = keras.applications
    plain = {"weights": None, "classifier_activation": None}
    for width, size in ((0.25, 128), (0.25, 224), (0.5, 160), (0.5, 224), (0.75, 224), (1, 224)):
        net = partial(apps.MobileNet, input_shape=(size, size, 3), alpha=width, **plain)
        yield f"mobilenet-v1 width={width} size={size}", size, keras, net, {}
    for width, size in ((0.35, 96), (0.35, 224), (0.5, 224), (0.75, 160), (0.75, 224), (1, 224), (1.3, 224), (1.4, 224)):
        net = partial(apps.MobileNetV2, input_shape=(size, size, 3), alpha=width, **plain)
        yield f"mobilenet-v2 width={width} size={size}", size, keras, net, {}
    for form in ("small", "large"):
        for width in (0.75, 1):
            make = getattr(apps, f"MobileNetV3{form.title()}")
            net = partial(make, input_shape=(224, 224, 3), alpha=width, include_preprocessing=False, **plain)
            yield f"mobilenet-v3-{form} width={width}", 224, keras, net, {}
    yield "densenet-121", 224, keras, partial(apps.DenseNet121, **plain), {}
    yield "densenet-121 size=199", 199, keras, partial(apps.DenseNet121, input_shape=(199, 199, 3), **plain), {}
    yield "xception", 299, keras, partial(apps.Xception, **plain), {}


def conv(out, kernel, stride=1, groups=1, padding=0, bias=False, dilation=1):
    return {
        "kind": "conv",
        "out": out,
        "kernel": [kernel, kernel],
        "stride": [stride, stride],
        "dilation": [dilation, dilation],
        "groups": groups,
        "padding": [padding] * 4 if padding else "valid",
        "bias": bias,
    }


def norm(scale=True, offset=True):
    return {"kind": "norm", "eps": 1e-3, "momentum": 0.9, "scale": scale, "offset": offset}


def layer_norm(scale, offset):
    return {"kind": "layerNorm", "eps": 1e-6, "scale": scale, "offset": offset}


def group_norm(groups, affine):
    return {"kind": "groupNorm", "groups": groups, "eps": 1e-5, "scale": affine, "offset": affine}


def conv_transpose(out, kernel, stride, **more):
    return {**conv(out, kernel, stride, **more), "kind": "convTranspose", "outputPadding": [0, 0]}


def pool(fn, size, stride, padding=0):
    pads = [padding] * 4 if padding else "valid"
    return {"kind": "pool", "fn": fn, "size": [size, size], "stride": [stride, stride], "padding": pads}


ACTIVATIONS = ("relu", "relu6", "hardSwish", "hardSigmoid", "sigmoid", "swish", "tanh", "gelu", "softmax", "negate")
MAP, VECTOR = [8, 6, 12], [12]
# on a processor, Keras compiles grouped convs by XLA, and TensorFlow's profiler does not look into what is compiled
COMPILED = {"keras": {"conv": 0}}
LAYERS = [
    *[(conv(20, 3, **more), MAP) for more in ({}, {"bias": True}, {"groups": 4}, {"groups": 4, "bias": True}, {"stride": 2, "padding": 1}, {"dilation": 2})],
    (conv(12, 3, groups=12), MAP),
    (conv(12, 3, groups=12, bias=True), MAP),
    *[({"kind": "dense", "out": 7, "bias": bias}, VECTOR) for bias in (False, True)],
    *[(norm(*both), shape) for shape in (MAP, VECTOR) for both in ((True, True), (False, False))],
    *[({"kind": "act", "fn": fn}, shape) for shape in (MAP, VECTOR) for fn in ACTIVATIONS],
    *[(pool(fn, *more), MAP) for fn in ("max", "avg") for more in ((2, 2), (3, 2, 1), (3, 1), (3, 3))],
    *[({"kind": "globalPool", "fn": fn}, MAP) for fn in ("max", "avg")],
    *[({"kind": kind}, shape) for kind in ("add", "mul", "concat") for shape in (MAP, VECTOR)],
    ({"kind": "slice", "from": 2, "to": 5}, MAP),
    ({"kind": "shuffle", "groups": 3}, MAP),
    ({"kind": "flatten"}, MAP),
    *[({"kind": "upsample", "factor": n, "fn": fn}, MAP) for n in (2, 3) for fn in ("nearest", "bilinear")],
    ({"kind": "upsample", "factor": 2, "fn": "nearest"}, [4, 5, 6]),
    ({"kind": "dropout", "rate": 0.5}, MAP),
    *[(layer_norm(*both), shape) for shape in (MAP, VECTOR) for both in ((True, True), (False, False))],
    *[(group_norm(groups, affine), shape) for shape in (MAP, VECTOR) for groups in (1, 3) for affine in (True, False)],
    ({"kind": "responseNorm", "eps": 1e-6}, MAP),
    *[({"kind": "scale", "initial": 1}, shape) for shape in (MAP, VECTOR)],
    (conv_transpose(20, 3, 2, padding=1), MAP),
    (conv_transpose(20, 2, 2, bias=True), MAP),
    (conv_transpose(20, 3, 2, padding=1, groups=4), MAP),
    ({"kind": "pixelShuffle", "factor": 2}, MAP),
    *[({"kind": "resize", "size": [11, 5], "fn": "bilinear", "align": align}, MAP) for align in ("centres", "corners")],
    ({"kind": "resize", "size": [11, 5], "fn": "nearest", "align": "edges"}, MAP),
    *[({"kind": "pad", "pads": pads}, MAP) for pads in ([0, 1, 2, 0], [0, -1, -2, 0])],
]
# Keras alone lets a norm have one of both
KERAS_LAYERS = [
    *[(norm(*both), MAP) for both in ((True, False), (False, True))],
    *[({**group_norm(3, scale), "offset": not scale}, MAP) for scale in (True, False)],
]


def torch_layer(op, shape):
    """The module of torch.nn that is this op; what PyTorch has no module for is written as it is in forward methods."""
    import torch
    from torch import cat, nn

    class Twice(nn.Module):
        def __init__(self, f):
            super().__init__()
            self.f = f

        def forward(self, x):
            return self.f(x)

    channels, is_map = shape[-1], len(shape) == 3

    class ChannelNorm(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.LayerNorm(channels, elementwise_affine=op["scale"])

        def forward(self, x):
            return self.norm(x.movedim(1, -1)).movedim(-1, 1)

    class Parameters(nn.Module):
        """A layer scale, or a global response norm, as timm writes them."""

        def __init__(self, names):
            super().__init__()
            wide = (1, channels, 1, 1) if is_map else (1, channels)
            for name in names:
                self.register_parameter(name, nn.Parameter(torch.ones(wide)))

        def forward(self, x):
            if op["kind"] == "scale":
                return x * self.gamma
            size = x.norm(p=2, dim=(2, 3), keepdim=True)
            shares = size / (size.mean(dim=1, keepdim=True) + op["eps"])
            return x + torch.addcmul(self.beta, self.gamma, x * shares)

    side = op["padding"][0] if isinstance(op.get("padding"), list) else 0
    match op["kind"]:
        case "conv":
            return nn.Conv2d(
                channels, op["out"], op["kernel"], op["stride"], side, op["dilation"], op["groups"], op["bias"]
            )
        case "layerNorm":
            return ChannelNorm() if is_map else nn.LayerNorm(channels, elementwise_affine=op["scale"])
        case "groupNorm":
            return nn.GroupNorm(op["groups"], channels, affine=op["scale"])
        case "responseNorm" | "scale":
            return Parameters(["gamma"] if op["kind"] == "scale" else ["gamma", "beta"])
        case "convTranspose":
            sizes = (op["kernel"], op["stride"], side, op["outputPadding"], op["groups"])
            return nn.ConvTranspose2d(channels, op["out"], *sizes, op["bias"], op["dilation"])
        case "pad":
            top, right, bottom, left = op["pads"]
            return nn.ZeroPad2d((left, right, top, bottom))
        case "pixelShuffle":
            return nn.PixelShuffle(op["factor"])
        case "resize":
            corners = None if op["fn"] == "nearest" else op["align"] == "corners"
            return nn.Upsample(size=tuple(op["size"]), mode=op["fn"], align_corners=corners)
        case "dense":
            return nn.Linear(channels, op["out"], op["bias"])
        case "norm":
            return (nn.BatchNorm2d if is_map else nn.BatchNorm1d)(channels, affine=op["scale"])
        case "act":
            named = {"relu": nn.ReLU, "relu6": nn.ReLU6, "hardSwish": nn.Hardswish, "hardSigmoid": nn.Hardsigmoid}
            named |= {"sigmoid": nn.Sigmoid, "swish": nn.SiLU, "tanh": nn.Tanh, "gelu": nn.GELU}
            named |= {"softmax": partial(nn.Softmax, dim=1), "negate": partial(Twice, lambda x: -x)}
            return named[op["fn"]]()
        case "pool" if op["fn"] == "max":
            return nn.MaxPool2d(op["size"][0], op["stride"][0], side)
        case "pool":
            return nn.AvgPool2d(op["size"][0], op["stride"][0], side, count_include_pad=False)
        case "globalPool":
            return (nn.AdaptiveMaxPool2d if op["fn"] == "max" else nn.AdaptiveAvgPool2d)(1)
        case "add":
            return Twice(lambda x: x + x)
        case "mul":
            return Twice(lambda x: x * x)
        case "concat":
            return Twice(lambda x: cat((x, x), 1))
        case "slice":
            return Twice(lambda x: x[:, op["from"] : op["to"]])
        case "shuffle":
            return nn.ChannelShuffle(op["groups"])
        case "flatten":
            return nn.Flatten()
        case "upsample":
            return nn.Upsample(scale_factor=op["factor"], mode=op["fn"])
        case "dropout":
            return nn.Dropout(op["rate"])


def torch_model(op, shape):
    from torch import nn

    return nn.Sequential(torch_layer(op, shape))


def own_layer(op):
    """A layer scale, or a global response norm, as keras.applications and Keras' examples write them."""
    import keras

    ops = keras.ops

    class Own(keras.layers.Layer):
        def build(self, shape):
            self.gamma = self.add_weight(shape=(shape[-1],))
            if op["kind"] == "responseNorm":
                self.beta = self.add_weight(shape=(shape[-1],))

        def call(self, x):
            if op["kind"] == "scale":
                return x * self.gamma
            size = ops.sqrt(ops.sum(ops.square(x), axis=(1, 2), keepdims=True))
            shares = size / (ops.mean(size, axis=-1, keepdims=True) + op["eps"])
            return x + (self.gamma * (x * shares) + self.beta)

    return Own()


def keras_model(op, shape):
    """The layer of Keras that is this op, or nothing where it has none."""
    import keras

    layers, x = keras.layers, keras.Input(shape)
    padding = op.get("padding")
    if isinstance(padding, list):
        padding = "valid"
        x_in = layers.ZeroPadding2D(op["padding"][0])(x)
    else:
        x_in = x
    match op["kind"]:
        case "conv" if op["groups"] == shape[-1]:
            layer = layers.DepthwiseConv2D(op["kernel"], op["stride"], padding, use_bias=op["bias"])
        case "conv":
            layer = layers.Conv2D(
                *(op["out"], op["kernel"], op["stride"], padding),
                **{"dilation_rate": op["dilation"], "groups": op["groups"], "use_bias": op["bias"]},
            )
        case "dense":
            layer = layers.Dense(op["out"], use_bias=op["bias"])
        case "norm":
            layer = layers.BatchNormalization(scale=op["scale"], center=op["offset"])
        case "layerNorm":
            layer = layers.LayerNormalization(epsilon=op["eps"], scale=op["scale"], center=op["offset"])
        case "groupNorm":
            layer = layers.GroupNormalization(op["groups"], epsilon=op["eps"], scale=op["scale"], center=op["offset"])
        case "convTranspose" if op["groups"] == 1 and op["padding"] == "valid":
            layer = layers.Conv2DTranspose(op["out"], op["kernel"], op["stride"], use_bias=op["bias"])
        case "scale" | "responseNorm":
            layer = own_layer(op)
        case "pad":
            top, right, bottom, left = (abs(n) for n in op["pads"])
            make = layers.ZeroPadding2D if max(op["pads"]) > 0 else layers.Cropping2D
            layer = make(((top, bottom), (left, right)))
        case "resize" if op["align"] != "corners":
            layer = layers.Resizing(*op["size"], interpolation=op["fn"])
        case "act" if op["fn"] == "negate":
            return keras.Model(x, keras.ops.negative(x))
        case "act":
            names = {"hardSwish": "hard_swish", "hardSigmoid": "hard_sigmoid", "swish": "silu"}
            layer = layers.Activation(names.get(op["fn"], op["fn"]))
        case "pool":
            if isinstance(op["padding"], list):  # ZeroPadding2D would be counted as values of an average
                return None
            make = layers.MaxPooling2D if op["fn"] == "max" else layers.AveragePooling2D
            layer = make(op["size"], op["stride"], padding)
        case "globalPool":
            layer = (layers.GlobalMaxPooling2D if op["fn"] == "max" else layers.GlobalAveragePooling2D)()
        case "add" | "mul" | "concat":
            make = {"add": layers.Add, "mul": layers.Multiply, "concat": layers.Concatenate}[op["kind"]]
            return keras.Model(x, make()([x, x]))
        case "flatten":
            layer = layers.Flatten()
        case "upsample":
            layer = layers.UpSampling2D(op["factor"], interpolation=op["fn"])
        case "dropout":
            layer = layers.Dropout(op["rate"])
        case _:
            return None
    return keras.Model(x, layer(x_in))


def by_torch(model, x):
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        model(x)
    return counter.get_total_flops(), sum(p.numel() for p in model.parameters())


def by_fvcore(model, x):
    from fvcore.nn import FlopCountAnalysis, parameter_count

    analysis = FlopCountAnalysis(model, x).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    return analysis.total(), parameter_count(model)[""]


def by_thop(model, x):
    from thop import profile

    return profile(model, inputs=(x,), verbose=False)


def by_ptflops(backend, model, x):
    from ptflops import get_model_complexity_info

    return get_model_complexity_info(
        model, tuple(x.shape[1:]), as_strings=False, print_per_layer_stat=False, backend=backend
    )


def by_keras(model):
    """TensorFlow's profiler of the frozen graph for one example, and `count_params`: what `keras-flops` does."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2_as_graph

    inputs = [tf.TensorSpec((1, *x.shape[1:]), x.dtype) for x in model.inputs]
    concrete = tf.function(lambda *xs: model(list(xs))).get_concrete_function(*inputs)
    frozen, _ = convert_variables_to_constants_v2_as_graph(concrete)
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    profiled = tf.compat.v1.profiler.profile(graph=frozen.graph, cmd="scope", options=options)
    return profiled.total_float_ops, model.count_params()


TORCH_TOOLS = {
    "torch": (by_torch, "torch"),
    "fvcore": (by_fvcore, "fvcore"),
    "thop": (by_thop, "thop"),
    "ultralytics-thop": (by_thop, "ultralytics-thop"),
    "ptflops": (partial(by_ptflops, "pytorch"), "ptflops"),
    "ptflops-aten": (partial(by_ptflops, "aten"), "ptflops"),
}


def whole(numbers):
    for n in numbers:
        assert float(n).is_integer(), numbers
    return [int(n) for n in numbers]


def quiet(count, *args):
    """The numbers alone: what a tool prints goes to stderr."""
    with contextlib.redirect_stdout(io.StringIO()) as said:
        numbers = count(*args)
    sys.stderr.write(said.getvalue())
    return whole(numbers)


def torch_counts(tools):
    import torch

    torch.set_num_threads(1)

    def values(shape, device="cpu"):
        return torch.zeros(1, *shape, device=device)

    def counts(make, shape, bare=()):
        """By each tool; those of `bare` get a model and an input without values, which is faster: they read shapes alone."""
        model = make().eval()
        empty = copy.deepcopy(model).to("meta") if bare else None
        given = {tool: (empty, values(shape, "meta")) if tool in bare else (model, values(shape)) for tool in tools}
        with torch.no_grad():
            # a copy for each, since some leave their marks
            return {t: quiet(TORCH_TOOLS[t][0], copy.deepcopy(m), x) for t, (m, x) in given.items()}

    layers = []
    for op, shape in LAYERS:
        make = partial(torch_model, op, shape)
        seen = {"thop": {op["kind"]: 0}} if op["kind"] in ("scale", "groupNorm", "responseNorm") and "thop" in tools else {}
        layers.append({"op": op, "input": shape, "seen": seen, "counts": counts(make, (shape[-1], *shape[:-1]))})
    nets = []
    # not fvcore, which traces, nor ptflops, which would also count what torch calls in place of a kernel
    bare = {"torch", "thop", "ultralytics-thop", "ptflops-aten"} & set(tools)
    for net, size, package, make, seen in torch_nets():
        name = f"{package.__name__} {package.__version__.partition('+')[0]}"
        nets.append({"net": net, "by": name, "seen": seen, "counts": counts(make, (3, size, size), bare)})
        print(f"{net}, {name}", file=sys.stderr, flush=True)
    # thop writes 0.1.1-N, which pip lists as 0.1.1.postN
    versions = {tool: version(TORCH_TOOLS[tool][1]).replace("-", ".post") for tool in tools}
    return {"versions": versions, "nets": nets, "layers": layers}


def keras_counts():
    import keras

    nets = []
    for net, _, package, make, seen in keras_nets():
        counts = {"keras": quiet(by_keras, make())}
        nets.append({"net": net, "by": f"{package.__name__} {package.__version__}", "seen": seen, "counts": counts})
        print(net, file=sys.stderr, flush=True)
    layers = []
    for op, shape in [*LAYERS, *KERAS_LAYERS]:
        model = keras_model(op, shape)
        if model is not None:
            seen = COMPILED if op["kind"] == "conv" and 1 < op["groups"] < shape[-1] else {}
            layers.append({"op": op, "input": shape, "seen": seen, "counts": {"keras": quiet(by_keras, model)}})
    import tensorflow

    name = f"{keras.__version__}, tensorflow {tensorflow.__version__}"
    return {"versions": {"keras": name}, "nets": nets, "layers": layers}


if __name__ == "__main__":
    tools = sys.argv[1:]
    print(json.dumps(keras_counts() if tools == ["keras"] else torch_counts(tools)))
