"""Counts of the reference implementations (timm, torchvision), as JSON: params, macs of convs and dense layers, norm
statistics, at the given square size.

    python scripts/reference/counts.py test/zoo/reference/counts.json
"""

import json
import sys
from functools import partial

import timm
import torch
import torchvision
from timm.models.mobilenetv3 import _gen_mobilenet_v3
from torch.utils.flop_counter import FlopCounterMode

tv = torchvision.models
t = timm.create_model


def deployed(name):
    return timm.utils.reparameterize_model(t(name))


def widths(ours, make, of):
    return [(f"{ours} width={w}", 224, partial(make, *args)) for w, args in of.items()]


ROWS = [
    *widths(
        "mobilenet-v2", t, {0.35: ["mobilenetv2_035"], 0.5: ["mobilenetv2_050"], 1: ["mobilenetv2_100"], 1.4: ["mobilenetv2_140"]}
    ),
    *[
        (f"mobilenet-v3-{s} width={w}", 224, partial(_gen_mobilenet_v3, f"mobilenetv3_{s}_100", w))
        for s in ("small", "large")
        for w in (0.5, 0.75, 1)
    ],
    *widths(
        "mobilenet-v4-conv-small",
        t,
        {0.35: ["mobilenetv4_conv_small_035"], 0.5: ["mobilenetv4_conv_small_050"], 1: ["mobilenetv4_conv_small"]},
    ),
    *[
        (f"shufflenet-v2 width={w}", 224, make)
        for w, make in {
            0.5: tv.shufflenet_v2_x0_5,
            1: tv.shufflenet_v2_x1_0,
            1.5: tv.shufflenet_v2_x1_5,
            2: tv.shufflenet_v2_x2_0,
        }.items()
    ],
    *[(f"squeezenet version=1.0 size={s}", s, tv.squeezenet1_0) for s in (224, 225, 230, 231)],
    *[(f"squeezenet version=1.1 size={s}", s, tv.squeezenet1_1) for s in (224, 225, 230, 231)],
    *widths("ghostnet", t, {0.5: ["ghostnet_050"], 1: ["ghostnet_100"], 1.3: ["ghostnet_130"]}),
    *widths(
        "mnasnet", t, {0.5: ["mnasnet_050"], 0.75: ["mnasnet_075"], 1: ["mnasnet_100"], 1.4: ["mnasnet_140"]}
    ),
    ("mnasnet width=1.3", 224, tv.mnasnet1_3),
    *widths(
        "lcnet",
        t,
        {0.35: ["lcnet_035"], 0.5: ["lcnet_050"], 0.75: ["lcnet_075"], 1: ["lcnet_100"], 1.5: ["lcnet_150"]},
    ),
    ("efficientnet-b0", 224, partial(t, "efficientnet_b0")),
    *[(f"efficientnet-lite{i}", s, partial(t, f"efficientnet_lite{i}")) for i, s in enumerate((224, 240, 260, 300, 380))],
    ("regnet-x-200mf", 224, partial(t, "regnetx_002")),
    ("regnet-x-400mf", 224, partial(t, "regnetx_004")),
    ("regnet-y-200mf", 224, partial(t, "regnety_002")),
    ("regnet-y-400mf", 224, partial(t, "regnety_004")),
    ("mobileone-s0", 224, partial(t, "mobileone_s0")),
    ("mobileone-s1", 224, partial(t, "mobileone_s1")),
    ("mobileone-s0 form=deploy", 224, partial(deployed, "mobileone_s0")),
    ("mobileone-s1 form=deploy", 224, partial(deployed, "mobileone_s1")),
    ("repvgg-a0", 224, partial(t, "repvgg_a0")),
    ("repvgg-a1", 224, partial(t, "repvgg_a1")),
    ("repvgg-a0 form=deploy", 224, partial(deployed, "repvgg_a0")),
    ("repvgg-a1 form=deploy", 224, partial(deployed, "repvgg_a1")),
    ("fasternet-t0", 224, partial(t, "fasternet_t0")),
    ("starnet-s050", 224, partial(t, "starnet_s050")),
    ("starnet-s1", 224, partial(t, "starnet_s1")),
    ("densenet-121", 224, partial(t, "densenet121")),
    ("densenet-121 size=199", 199, partial(t, "densenet121")),
    ("xception", 299, partial(t, "legacy_xception")),
    ("xception size=199", 199, partial(t, "legacy_xception")),
    ("resnext-50", 224, tv.resnext50_32x4d),
    ("resnet-18", 224, tv.resnet18),
    ("resnet-34", 224, tv.resnet34),
    ("resnet-50", 224, tv.resnet50),
]


def count(net, size, make):
    model = make().eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 3, size, size))
    package = timm if type(model).__module__.startswith("timm") else torchvision
    return {
        "net": net,
        "by": f"{package.__name__} {package.__version__.partition('+')[0]}",
        "params": sum(p.numel() for p in model.parameters()),
        "macs": counter.get_total_flops() // 2,
        "normStats": sum(b.numel() for n, b in model.named_buffers() if n.endswith(("running_mean", "running_var"))),
    }


if __name__ == "__main__":
    rows = [json.dumps(count(*row)) for row in ROWS]
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write('{\n  "counts": [\n    ' + ",\n    ".join(rows) + "\n  ]\n}\n")
