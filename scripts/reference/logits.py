"""Logits of the reference implementations (timm, torchvision) on made-up weights and images, as JSON.

    python scripts/reference/logits.py test/zoo/reference/logits.json
"""

import json
import re
import sys
from functools import partial

import timm
import torch
import torchvision
from timm.models.efficientnet import _gen_mobilenet_v1
from timm.models.mobilenetv3 import _gen_mobilenet_v3, _gen_mobilenet_v4
from torch import nn

from fill import fill, images

CLASSES = 10
BATCH = 2
tv = torchvision.models


def of_timm(name, **options):
    return timm.create_model(name, num_classes=CLASSES, **options)


def layers_of(model, x):
    """Layers with weights, by name, in the order in which they run."""
    names = {m: n for n, m in model.named_modules()}
    ran = []
    kinds = (nn.Conv2d, nn.Linear, nn.BatchNorm2d)
    hooks = [
        m.register_forward_hook(lambda layer, *_: ran.append((names[layer], layer)))
        for m in model.modules()
        if isinstance(m, kinds)
    ]
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    assert len(ran) == len({name for name, _ in ran}), "a layer runs twice"
    return ran


def arranged(ran, block, parts):
    """The same layers, those of each block sorted by the first of `parts` that their name goes on with."""

    def rank(rest):
        return next((i for i, part in enumerate(parts) if re.match(part, rest)), len(parts))

    place, keyed = {}, []
    for at, (name, layer) in enumerate(ran):
        found = re.match(block, name)
        first = place.setdefault(found.group(0), at) if found else at
        keyed.append(((first, rank(name[found.end() :]) if found else 0, at), layer))
    return [layer for _, layer in sorted(keyed, key=lambda pair: pair[0])]


# A sum of branches: our graphs have the shortcut before the body; RepVGG's k x k convs before the 1x1 and the identity.
RESNET = (r"layer\d\.\d+\.", ["downsample"])
REGNET = (r"s\d\.b\d+\.", ["downsample"])
GHOST = (r"blocks\.\d+\.\d+\.", ["shortcut"])
XCEPTION = (r"block\d+\.", ["skip"])
REP = (r"(stem|stages\.\d+\.\d+)\.", ["conv_kxk", "conv_(1x1|scale)", "identity"])
AS_RUN = (r"$", [])

# our name, input size, how the reference makes it, and how its layers are arranged
CASES = [
    ("mobilenet-v1 width=0.25", 64, partial(_gen_mobilenet_v1, "mobilenetv1_100", 0.25, num_classes=CLASSES), AS_RUN),
    ("mobilenet-v2 width=0.5", 64, partial(tv.mobilenet_v2, width_mult=0.5, num_classes=CLASSES), AS_RUN),
    ("mobilenet-v3-small width=0.5", 64, partial(of_timm, "mobilenetv3_small_050"), AS_RUN),
    ("mobilenet-v3-small", 65, partial(of_timm, "mobilenetv3_small_100"), AS_RUN),
    (
        "mobilenet-v3-large width=0.5",
        64,
        partial(_gen_mobilenet_v3, "mobilenetv3_large_100", 0.5, num_classes=CLASSES),
        AS_RUN,
    ),
    ("mobilenet-v4-conv-small width=0.5", 64, partial(of_timm, "mobilenetv4_conv_small_050"), AS_RUN),
    ("shufflenet-v2 width=0.5", 64, partial(tv.shufflenet_v2_x0_5, num_classes=CLASSES), AS_RUN),
    ("squeezenet version=1.0", 65, partial(tv.squeezenet1_0, num_classes=CLASSES), AS_RUN),
    ("squeezenet version=1.1", 64, partial(tv.squeezenet1_1, num_classes=CLASSES), AS_RUN),
    ("ghostnet width=0.5", 64, partial(of_timm, "ghostnet_050"), GHOST),
    ("mnasnet width=0.5", 64, partial(tv.mnasnet0_5, num_classes=CLASSES), AS_RUN),
    ("efficientnet-b0", 64, partial(of_timm, "efficientnet_b0"), AS_RUN),
    ("efficientnet-lite0", 64, partial(of_timm, "efficientnet_lite0"), AS_RUN),
    ("efficientnet-lite1", 64, partial(of_timm, "efficientnet_lite1"), AS_RUN),
    ("lcnet width=0.5", 64, partial(of_timm, "lcnet_050"), AS_RUN),
    ("regnet-x-200mf", 64, partial(of_timm, "regnetx_002"), REGNET),
    ("regnet-x-400mf", 64, partial(of_timm, "regnetx_004"), REGNET),
    ("regnet-y-200mf", 64, partial(of_timm, "regnety_002"), REGNET),
    ("regnet-y-400mf", 64, partial(of_timm, "regnety_004"), REGNET),
    ("mobileone-s0", 64, partial(of_timm, "mobileone_s0"), REP),
    ("mobileone-s1", 64, partial(of_timm, "mobileone_s1"), REP),
    ("repvgg-a0", 64, partial(of_timm, "repvgg_a0"), REP),
    ("repvgg-a1", 32, partial(of_timm, "repvgg_a1"), REP),
    ("fasternet-t0", 64, partial(of_timm, "fasternet_t0"), AS_RUN),
    ("starnet-s050", 64, partial(of_timm, "starnet_s050"), AS_RUN),
    ("starnet-s1", 64, partial(of_timm, "starnet_s1"), AS_RUN),
    ("densenet-121", 64, partial(of_timm, "densenet121"), AS_RUN),
    ("resnet-18", 64, partial(tv.resnet18, num_classes=CLASSES), RESNET),
    ("resnet-34", 64, partial(tv.resnet34, num_classes=CLASSES), RESNET),
    ("resnet-50", 33, partial(tv.resnet50, num_classes=CLASSES), RESNET),
    ("resnext-50", 32, partial(tv.resnext50_32x4d, num_classes=CLASSES), RESNET),
    ("xception", 64, partial(of_timm, "legacy_xception"), XCEPTION),
]


def case(net, size, make, arrangement):
    torch.manual_seed(0)
    model = make().eval()
    x = images(BATCH, size)
    tensors, check = fill(arranged(layers_of(model, x), *arrangement))
    with torch.no_grad():
        logits = model.double()(x.double())  # so that what is compared is our rounding alone
    package = timm if type(model).__module__.startswith("timm") else torchvision
    return {
        "net": f"{net} size={size} classes={CLASSES}",
        "by": f"{package.__name__} {package.__version__.partition('+')[0]}",
        "tensors": tensors,
        "check": check,
        "logits": [[float(f"{v:.9g}") for v in row] for row in logits.tolist()],
    }


if __name__ == "__main__":
    rows = [json.dumps(case(*c)) for c in CASES]
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write('{\n  "cases": [\n    ' + ",\n    ".join(rows) + "\n  ]\n}\n")
