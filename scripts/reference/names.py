"""Our words (architecture and options, without size, and without classes where there are 1000) for the models of timm, torchvision and Keras that the zoo
holds: the one source of these names. Writes the table for the zoo, and for its tests the counts of every model by its
package: trainable parameters, multiply-adds of convs, dense layers and products of attention, statistics of norms.

    python scripts/reference/names.py zoo/architectures/library-names.ts test/zoo/reference/names.json
"""

import json
import os
import sys
from functools import partial

os.environ["TIMM_FUSED_ATTN"] = "0"  # attention as matrix products, which the counter sees
os.environ["KERAS_BACKEND"] = "torch"  # TensorFlow and PyTorch do not live in one process


def widths(stem, arch, *hundredths):
    return {f"{stem}_{n:03}": arch if n == 100 else f"{arch} width={n / 100:g}" for n in hundredths}


def each(stem, arch, variants):
    return {f"{stem}{v}": f"{arch}{v}".replace("_", "-") for v in variants}


B = {  # width, depth
    "b4": (1.4, 1.8),
    "b5": (1.6, 2.2),
    "b6": (1.8, 2.6),
    "b7": (2.0, 3.1),
    "b8": (2.2, 3.6),
}
DROPOUT = {"b4": 0.4, "b5": 0.4, "b6": 0.5, "b7": 0.5, "b8": 0.5}
EFFICIENTNETS = {
    **{f"efficientnet_b{i}": f"efficientnet-b{i}" for i in range(4)},
    **{f"efficientnet_{b}": f"efficientnet-b0 width={w:g} depth={d:g} dropout={DROPOUT[b]:g}" for b, (w, d) in B.items()},
    **{f"efficientnet_lite{i}": f"efficientnet-lite{i}" for i in range(5)},
}
V3 = {
    **widths("mobilenetv3_small", "mobilenet-v3-small", 50, 75, 100),
    **widths("mobilenetv3_large", "mobilenet-v3-large", 75, 100),
}
def convnext(version, variant, more=""):
    return f"convnext{version}{'' if variant == 'atto' else f' variant={variant}'}{more}"


CONVNEXTS = {
    **{f"convnext_{v}": convnext("", v) for v in ("atto", "femto", "pico", "nano", "tiny", "small", "base", "large", "xlarge", "xxlarge")},
    **{f"convnext_{v}_ols": convnext("", v, " stem=tiered") for v in ("atto", "femto", "pico")},
    "convnext_nano_ols": "convnext variant=nano stem=overlap",
    "convnext_tiny_hnf": "convnext variant=tiny head=norm",
    "convnext_large_mlp": "convnext variant=large head=hidden",
    **{f"test_convnext{v}": convnext("", f"test{v}") for v in ("", "2", "3")},
    **{f"convnextv2_{v}": convnext("-v2", v) for v in ("atto", "femto", "pico", "nano", "tiny", "small", "base", "large", "huge")},
}


EDGENEXTS = {"xx_small": "xxs", "x_small": "xs", "small": "s", "base": "base", "small_rw": "s-rw"}


def named(architecture, usual, variant, more=""):
    return f"{architecture}{'' if variant == usual else f' variant={variant}'}{more}"


STEMS = {
    "": "",
    "c": " stem=deep",
    "d": " stem=deep pooled=true",
    "s": " stem=wide",
    "t": " stem=tiered pooled=true",
}


def resnets(stem, more, *variants):
    """resnet50d is ResNet-50 with the stem d."""
    rows = {}
    for name in variants:
        layers, _, groups = name.partition("_")
        number = layers.rstrip("cdst")
        split = f" groups={groups.split('x')[0]} width={groups.split('x')[1][:-1]}" if groups else ""
        rows[f"{stem}{name}"] = named("resnet", "18", number, STEMS[layers[len(number) :]] + split + more)
    return rows


RESNETS = {
    **resnets("resnet", "", *"10t 14t 18d 26 26t 26d 34d 50c 50d 50s 50t 101 101c 101d 101s 152 152c 152d 152s 200 200d".split()),
    **resnets("resnext", "", *"50d_32x4d 101_32x4d 101_32x8d 101_32x16d 101_32x32d 101_64x4d".split()),
    "wide_resnet50_2": "resnet variant=50 width=128",
    "wide_resnet101_2": "resnet variant=101 width=128",
    **resnets("seresnet", " squeezed=true", *"18 34 50 50t 101 152 152d 200d 269d".split()),
    **resnets(
        "seresnext",
        " squeezed=true",
        *"26d_32x4d 26t_32x4d 50_32x4d 101_32x4d 101_32x8d 101d_32x8d 101_64x4d".split(),
    ),
}
X = {"006": "600mf", "008": "800mf", "016": "1.6gf", "032": "3.2gf", "040": "4gf", "064": "6.4gf", "080": "8gf", "120": "12gf", "160": "16gf", "320": "32gf"}
REGNETS = {
    **{f"regnetx_{n}": named("regnet-x", "600mf", v) for n, v in X.items()},
    "regnetx_004_tv": "regnet-x variant=400mf-tv",
    **{f"regnety_{n}": named("regnet-y", "600mf", v) for n, v in {**X, "640": "64gf", "1280": "128gf", "2560": "256gf"}.items()},
    "regnety_008_tv": "regnet-y variant=800mf-tv",
    "regnety_080_tv": "regnet-y variant=8gf-tv",
}
TIMM = {
    **widths("mobilenetv1", "mobilenet-v1", 100, 125),
    **widths("mobilenetv2", "mobilenet-v2", 35, 50, 75, 100, 140),
    **V3,
    "mobilenetv4_conv_small": "mobilenet-v4-conv-small",
    **widths("mobilenetv4_conv_small", "mobilenet-v4-conv-small", 35, 50),
    "mobilenetv4_conv_medium": "mobilenet-v4-conv-medium",
    "mobilenetv4_conv_large": "mobilenet-v4-conv-large",
    "mobilenetv4_hybrid_medium": "mobilenet-v4-hybrid-medium",
    "mobilenetv4_hybrid_large": "mobilenet-v4-hybrid-large",
    "mobilenetv4_hybrid_medium_075": "mobilenet-v4-hybrid-medium width=0.75",
    "mobilenetv4_hybrid_large_075": "mobilenet-v4-hybrid-large width=0.75",
    **widths("mnasnet", "mnasnet", 50, 75, 100, 140),
    **EFFICIENTNETS,
    **each("tinynet_", "tinynet-", "abcde"),
    "mixnet_s": "mixnet",
    "mixnet_m": "mixnet variant=m",
    "mixnet_l": "mixnet variant=m width=1.3",
    "mixnet_xl": "mixnet variant=m width=1.6 depth=1.2",
    "mixnet_xxl": "mixnet variant=m width=2.4 depth=1.3",
    **widths("rexnet", "rexnet", 100, 130, 150, 200, 300),
    **widths("rexnetr", "rexnet divisor=8", 100, 130, 150, 200),
    "rexnetr_300": "rexnet divisor=16 width=3",
    **widths("lcnet", "lcnet", 35, 50, 75, 100, 150),
    "lcnetv2_small": "lcnet-v2 width=0.75 blocks=4",
    "lcnetv2_base": "lcnet-v2",
    "lcnetv2_large": "lcnet-v2 width=1.25 blocks=8",
    **widths("ghostnet", "ghostnet", 50, 100, 130),
    **widths("ghostnetv2", "ghostnet-v2", 100, 130, 160),
    **widths("ghostnetv3", "ghostnet-v3", 50, 100, 130, 160),
    **widths("repghostnet", "repghostnet", 50, 58, 80, 100, 111, 130, 150, 200),
    "fbnetc_100": "fbnet-c",
    **{f"fbnetv3_{v}": "fbnet-v3" if v == "b" else f"fbnet-v3 variant={v}" for v in "bdg"},
    **{f"hardcorenas_{v}": "hardcorenas" if v == "a" else f"hardcorenas variant={v}" for v in "abcdef"},
    "regnetx_002": "regnet-x-200mf",
    "regnetx_004": "regnet-x-400mf",
    "regnety_002": "regnet-y-200mf",
    "regnety_004": "regnet-y-400mf",
    **REGNETS,
    **each("repvgg_", "repvgg-", ["a0", "a1"]),
    **{f"repvgg_{v}": named("repvgg", "a2", v) for v in "a2 b0 b1 b1g4 b2 b2g4 b3 b3g4 d2se".split()},
    **each("mobileone_", "mobileone-", ["s0", "s1", "s2", "s3", "s4"]),
    **{
        f"repvit_{v.replace('.', '_')}": "repvit distilled=true" if v == "m0.9" else f"repvit variant={v} distilled=true"
        for v in ("m0.9", "m1.0", "m1.1", "m1.5", "m2.3", "m1", "m2", "m3")
    },
    **CONVNEXTS,
    **{f"edgenext_{v}": named("edgenext", "xxs", ours) for v, ours in EDGENEXTS.items()},
    **{f"inception_next_{v}": f"inception-next{'' if v == 'atto' else f' variant={v}'}" for v in ("atto", "tiny", "small", "base")},
    **{f"levit_{v}": "levit distilled=true" if v == "128s" else f"levit variant={v} distilled=true" for v in ("128s", "128", "192", "256", "384")},
    **{f"efficientformer_{v}": named("efficientformer", "l1", v, " distilled=true") for v in ("l1", "l3", "l7")},
    **{f"efficientformerv2_{v}": named("efficientformer-v2", "s0", v, " distilled=true") for v in ("s0", "s1", "s2", "l")},
    **{f"efficientvit_{v}": f"efficientvit{'' if v == 'b0' else f' variant={v}'}" for v in ("b0", "b1", "b2", "b3")},
    **{f"fastvit_{v}": f"fastvit{'' if v == 't8' else f' variant={v}'}" for v in ("t8", "t12", "s12", "sa12", "sa24", "sa36", "ma36")},
    **{f"fastvit_mci{i}": f"fastvit variant=mci{i} classes={512 if i < 3 else 768}" for i in range(5)},
    **{f"shvit_{v}": f"shvit{'' if v == 's1' else f' variant={v}'}" for v in ("s1", "s2", "s3", "s4")},
    **{f"mobilevit_{v}": f"mobilevit{'' if v == 'xxs' else f' variant={v}'}" for v in ("xxs", "xs", "s")},
    **widths("mobilevitv2", "mobilevit-v2", 50, 75, 100, 125, 150, 175, 200),
    **{f"tiny_vit_{v}_224": named("tiny-vit", "5m", v, " classes=21841") for v in ("5m", "11m", "21m")},  # of ImageNet-22k
    "tiny_vit_21m_384": "tiny-vit variant=21m window=12",
    "tiny_vit_21m_512": "tiny-vit variant=21m window=16",
    "fasternet_t0": "fasternet-t0",
    **each("starnet_", "starnet-", ["s050", "s100", "s150", "s1", "s2", "s3", "s4"]),
    "test_efficientnet": "test-efficientnet",
    "test_resnet": "test-resnet",
    "test_byobnet": "test-byobnet",
    "densenet121": "densenet-121",
    **{f"densenet{v}": named("densenet", "169", v) for v in ("161", "169", "201")},
    "legacy_xception": "xception",
    "resnet18": "resnet-18",
    "resnet34": "resnet-34",
    "resnet50": "resnet-50",
    "resnext50_32x4d": "resnext-50",
    **RESNETS,
    # ports from TensorFlow
    **{f"tf_{name}": words for name, words in EFFICIENTNETS.items()},
    **{f"tf_{name}": words for name, words in V3.items() if name != "mobilenetv3_small_050"},
    **{f"tf_mixnet_{v}": w for v, w in {"s": "mixnet", "m": "mixnet variant=m", "l": "mixnet variant=m width=1.3"}.items()},
}
TV_REGNETS = {
    "regnet_x_400mf": "regnet-x variant=400mf-tv",
    **{f"regnet_x_{v.replace('.', '_')}": named("regnet-x", "600mf", v) for v in ("800mf", "1.6gf", "3.2gf", "8gf", "16gf", "32gf")},
    "regnet_y_800mf": "regnet-y variant=800mf-tv",
    "regnet_y_8gf": "regnet-y variant=8gf-tv",
    **{f"regnet_y_{v.replace('.', '_')}": named("regnet-y", "600mf", v) for v in ("1.6gf", "3.2gf", "16gf", "32gf", "128gf")},
}
TORCHVISION = {
    "mobilenet_v2": "mobilenet-v2",
    "mobilenet_v3_small": "mobilenet-v3-small",
    "mobilenet_v3_large": "mobilenet-v3-large",
    "shufflenet_v2_x0_5": "shufflenet-v2 width=0.5",
    "shufflenet_v2_x1_0": "shufflenet-v2",
    "shufflenet_v2_x1_5": "shufflenet-v2 width=1.5",
    "shufflenet_v2_x2_0": "shufflenet-v2 width=2",
    "squeezenet1_0": "squeezenet version=1.0",
    "squeezenet1_1": "squeezenet",
    "mnasnet0_5": "mnasnet width=0.5",
    "mnasnet0_75": "mnasnet width=0.75",
    "mnasnet1_0": "mnasnet",
    "mnasnet1_3": "mnasnet width=1.3",
    **{name: words for name, words in EFFICIENTNETS.items() if name[13] == "b" and name[-1] < "8"},
    **{f"convnext_{v}": convnext("", v) for v in ("tiny", "small", "base", "large")},
    "regnet_y_400mf": "regnet-y-400mf",
    **TV_REGNETS,
    "densenet121": "densenet-121",
    **{f"densenet{v}": named("densenet", "169", v) for v in ("161", "169", "201")},
    "resnet18": "resnet-18",
    "resnet34": "resnet-34",
    "resnet50": "resnet-50",
    "resnext50_32x4d": "resnext-50",
    **{n: RESNETS[n] for n in ("resnet101", "resnet152", "resnext101_32x8d", "resnext101_64x4d", "wide_resnet50_2", "wide_resnet101_2")},
}
SEGMENTATION = {"lraspp_mobilenet_v3_large": "lraspp-mobilenet-v3-large"}
DETECTION = {"ssdlite320_mobilenet_v3_large": "ssdlite-mobilenet-v3-large"}
TORCHVISION |= SEGMENTATION | DETECTION
KERAS = {
    "MobileNet": "mobilenet-v1",
    "MobileNetV2": "mobilenet-v2",
    "MobileNetV3Small": "mobilenet-v3-small",
    "MobileNetV3Large": "mobilenet-v3-large",
    **{f"EfficientNetB{words[1]}": EFFICIENTNETS[f"efficientnet_{words}"] for words in [f"b{i}" for i in range(8)]},
    "DenseNet121": "densenet-121",
    **{f"ConvNeXt{v.title() if v != 'xlarge' else 'XLarge'}": convnext("", v) for v in ("tiny", "small", "base", "large", "xlarge")},
    "ResNet50": "resnet-50",
    "Xception": "xception",
}


DETECTION_SIZE = 320


def bare_detector(make):
    """Without the steps that make boxes of what is predicted, which need numbers."""
    from torch import nn

    class Bare(nn.Module):
        def __init__(self):
            super().__init__()
            detector = make(weights=None, weights_backbone=None)
            self.backbone, self.head = detector.backbone, detector.head

        def forward(self, x):
            return self.head(list(self.backbone(x).values()))

    return Bare()


def makers():
    """Library, name, words, size and maker of each; Keras makes its own sizes."""
    import timm
    import torchvision
    from timm.models import get_pretrained_cfg

    for name, words in TIMM.items():
        yield "timm", name, words, get_pretrained_cfg(name).input_size[1], lambda n=name: timm.create_model(n)
    for name, words in TORCHVISION.items():
        make = torchvision.models.get_model_builder(name)
        if name in DETECTION:
            yield "torchvision", name, words, DETECTION_SIZE, partial(bare_detector, make)
            continue
        transforms = torchvision.models.get_model_weights(name).DEFAULT.transforms()
        crop = transforms.crop_size[0] if hasattr(transforms, "crop_size") else transforms.resize_size[0]
        make = partial(make, weights=None, weights_backbone=None) if name in SEGMENTATION else make
        yield "torchvision", name, words, crop, make
    for name, words in KERAS.items():
        import keras

        yield "keras", name, words, KERAS_SIZES.get(name, 224), getattr(keras.applications, name)


# what Keras' `weights=None, input_shape=None` composes
KERAS_SIZES = {
    "EfficientNetB1": 240,
    "EfficientNetB2": 260,
    "EfficientNetB3": 300,
    "EfficientNetB4": 380,
    "EfficientNetB5": 456,
    "EfficientNetB6": 528,
    "EfficientNetB7": 600,
    "Xception": 299,
}



def of_torch(size, make):
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    computes = getattr(make, "__name__", "").startswith("regnet")  # torchvision's computes its widths in tensors
    with torch.device("cpu" if computes else "meta"):
        model = make().eval()
    with torch.device("meta"):  # shapes alone
        model = model.to("meta")
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            model(torch.zeros(1, 3, size, size))
    stats = sum(b.numel() for n, b in model.named_buffers() if n.endswith(("running_mean", "running_var")))
    return sum(p.numel() for p in model.parameters()), counter.get_total_flops() // 2, stats


def of_keras(size, make):
    import math

    import keras

    keras.backend.clear_session()
    model = make(weights=None, input_shape=(size, size, 3))
    layers = list(model._flatten_layers(include_self=False))  # those inside of Sequential, too
    count = lambda weights: sum(math.prod(w.shape) for w in weights)
    norms = [w for layer in layers if isinstance(layer, keras.layers.BatchNormalization) for w in layer.non_trainable_weights]
    macs = 0
    for layer in layers:
        if isinstance(layer, keras.layers.SeparableConv2D):  # two convs, the first of its input's channels
            pixels, inputs = math.prod(layer.output.shape[1:3]), layer.input.shape[-1]
            macs += pixels * inputs * (math.prod(layer.kernel_size) + layer.output.shape[-1])
        elif isinstance(layer, keras.layers.DepthwiseConv2D):
            macs += math.prod(layer.output.shape[1:]) * math.prod(layer.kernel_size)
        elif isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense)):
            macs += math.prod(layer.output.shape[1:-1]) * math.prod(layer.kernel.shape)
    biases = count(w for layer in layers if layer_before_norm(model, layer) for w in layer.trainable_weights[1:])
    return count(model.trainable_weights) - biases, macs, count(norms)


def layer_before_norm(model, layer):
    """Whether a conv has a bias that the next norm makes idle; ours have none (ResNet50)."""
    import keras

    if not isinstance(layer, keras.layers.Conv2D) or not layer.use_bias:
        return False
    readers = [node.operation for node in layer._outbound_nodes]
    return any(isinstance(reader, keras.layers.BatchNormalization) for reader in readers)


if __name__ == "__main__":
    tables, counts = {}, []
    for library, name, words, size, make in makers():
        tables.setdefault(library, []).append(f"  {name}: ['{words}', {size}],")
        params, macs, stats = (of_keras if library == "keras" else of_torch)(size, make)
        row = {"name": f"{library}/{name}", "size": size, "params": params, "macs": macs, "normStats": stats}
        counts.append(json.dumps(row))
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write("""/** @file Made by scripts/reference/names.py from the packages' own registries; not edited by hand. */
/** Our architecture with its options, and the size of the images that the model was made for. */
export type LibraryName = readonly [words: string, size: number];
""")
        for library, lines in tables.items():
            listed = "\n".join(lines)
            file.write(f"export const {library}Names: Readonly<Record<string, LibraryName>> = {{\n{listed}\n}};\n")
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write('{\n  "counts": [\n    ' + ",\n    ".join(counts) + "\n  ]\n}\n")
