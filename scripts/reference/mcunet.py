"""MCUNet's published nets in PyTorch, with the module names of their authors' weights (github.com/mit-han-lab/mcunet), and their counts;
imports.py keeps state dicts and logits of some.

    python scripts/reference/mcunet.py test/zoo/reference/mcunet.json

Each row of a net is the expansion, channels, stride and kernel of a block. in0 to in4 are as a public port to torchvision lists them,
vww1 as one to Keras does; vww0 and vww2 are read from the sizes of their layers in compiled models. `published` is what the README of the
authors gives: multiply-adds and parameters in millions, SRAM and flash in kB, measured with TinyEngine on STM32F746.
"""

import json
import sys
from collections import OrderedDict

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

CLASSES = 10
EPS = 1e-3

# size, classes, channels of the stem, blocks, (multiply-adds, parameters, SRAM, flash)
NETS = {
    "in0": (
        (48, 1000, 24),
        "1-16-1-3 4-16-2-5 3-16-1-3 4-16-1-3 5-24-2-7 4-24-1-5 5-24-1-5 5-48-2-7 4-48-1-5 5-56-1-3 4-56-1-5 5-56-1-3"
        " 6-112-2-3 4-112-1-5 6-192-1-3",
        (6.4, 0.75, 266, 889),
    ),
    "in1": (
        (96, 1000, 16),
        "1-8-1-3 4-16-2-3 3-16-1-3 3-24-2-7 5-24-1-3 5-40-2-3 4-40-1-7 4-48-1-5 3-48-1-3 4-48-1-3 5-96-2-7 4-96-1-5"
        " 4-96-1-5 6-160-1-3",
        (12.8, 0.64, 307, 992),
    ),
    "in2": (
        (160, 1000, 16),
        "1-8-1-3 3-16-2-5 6-16-1-7 5-16-1-3 5-16-1-5 5-24-2-3 6-24-1-7 6-24-1-5 4-40-2-7 5-40-1-5 5-48-1-3 5-48-1-5"
        " 4-48-1-3 6-96-2-5 4-96-1-5 3-96-1-5 4-96-1-3 5-160-1-5",
        (67.3, 0.73, 242, 878),
    ),
    "in3": (
        (176, 1000, 16),
        "1-8-1-3 3-16-2-7 5-16-1-3 5-16-1-7 4-16-1-5 5-24-2-5 5-24-1-5 5-24-1-5 5-40-2-3 6-40-1-7 4-40-1-5 5-48-1-5"
        " 5-48-1-7 5-48-1-3 6-96-2-3 5-96-1-7 4-96-1-3 5-160-1-7",
        (81.8, 0.74, 293, 897),
    ),
    "in4": (
        (160, 1000, 32),
        "1-16-1-3 3-24-2-7 5-24-1-3 4-24-1-5 5-40-2-7 4-40-1-3 4-40-1-7 3-80-2-7 3-80-1-3 3-80-1-7 4-96-1-3 3-96-1-5"
        " 3-96-1-5 4-192-2-7 3-192-1-7 3-192-1-5 4-320-1-5",
        (125.9, 1.73, 456, 1876),
    ),
    "vww0": (
        (64, 2, 16),
        "1-8-1-3 6-16-2-5 4-16-1-3 5-24-2-3 4-24-1-3 4-24-1-3 5-40-2-3 4-40-1-3 3-40-1-7 3-48-1-3 4-48-1-3 5-96-2-7"
        " 5-96-1-5 4-160-1-7",
        (6.0, 0.37, 146, 617),
    ),
    "vww1": (
        (80, 2, 16),
        "1-8-1-3 6-16-2-3 3-16-1-3 3-16-1-3 3-24-2-7 6-24-1-3 5-24-1-5 6-40-2-7 6-40-1-7 6-48-1-3 4-48-1-3 5-96-2-5"
        " 5-96-1-3 4-96-1-3 3-160-1-7",
        (11.6, 0.43, 162, 689),
    ),
    "vww2": (
        (144, 2, 16),
        "1-8-1-3 3-16-2-3 5-16-1-3 6-16-1-5 3-16-1-3 5-24-2-7 4-24-1-5 4-24-1-3 6-24-1-7 6-40-2-3 6-40-1-7 4-40-1-5"
        " 5-40-1-3 5-48-1-5 3-48-1-5 4-48-1-3 3-48-1-5 4-96-2-3 5-96-1-5 4-96-1-5 4-96-1-3 5-160-1-3",
        (55.8, 0.64, 311, 897),
    ),
}
# MobileNetV2 at width 0.35 and ProxylessNAS at 0.3, which they compare with, by our names; their last convs are as narrow
BASELINE = "mobilenet-v2 width=0.35 mix=448 size=144"
NETS[BASELINE] = (
    (144, 1000, 16),
    "1-8-1-3 6-8-2-3 6-8-1-3 6-16-2-3 6-16-1-3 6-16-1-3 6-24-2-3 6-24-1-3 6-24-1-3 6-24-1-3 6-32-1-3 6-32-1-3 6-32-1-3"
    " 6-56-2-3 6-56-1-3 6-56-1-3 6-112-1-3",
    (23.5, 0.75, 308, 862),
)
PROXYLESS = "proxylessnas width=0.3 size=176"
NETS[PROXYLESS] = (
    (176, 1000, 16),
    "1-8-1-3 3-16-2-5 3-16-1-3 3-16-2-7 3-16-1-3 3-16-1-5 3-16-1-5 6-24-2-7 3-24-1-5 3-24-1-5 3-24-1-5 6-32-1-5 3-32-1-5"
    " 3-32-1-5 3-32-1-5 6-64-2-7 6-64-1-7 3-64-1-7 3-64-1-7 6-96-1-7",
    (38.3, 0.75, 292, 892),
)
MIX = {BASELINE: 448, PROXYLESS: 384}  # channels of the last conv
# what TinyEngine's generator of code made of the authors' files: bytes of weights (with biases and scales), and of the memory of tensors
COMPILED = [
    {"net": "mcunet-vww0", "weightBytes": 399656},
    {"net": "mcunet-vww1", "weightBytes": 469432},
    {"net": "mcunet-in3", "tensorBytes": 247808},
]
# nets and sizes of images whose logits are kept: odd and even maps at every stride
KEPT = [("in0", 48), ("in1", 65), ("vww0", 64), ("vww1", 47)]


def layer(inputs, outputs, kernel=1, stride=1, groups=1, act=True):
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    parts = [("conv", conv), ("bn", nn.BatchNorm2d(outputs, eps=EPS)), *([("act", nn.ReLU6())] if act else [])]
    return nn.Sequential(OrderedDict(parts))


class InvertedConv(nn.Module):
    def __init__(self, inputs, outputs, expand, stride, kernel):
        super().__init__()
        middle = inputs * expand
        if expand != 1:
            self.inverted_bottleneck = layer(inputs, middle)
        self.depth_conv = layer(middle, middle, kernel, stride, middle)
        self.point_linear = layer(middle, outputs, act=False)

    def forward(self, x):
        for part in self.children():
            x = part(x)
        return x


class Block(nn.Module):
    def __init__(self, inputs, outputs, expand, stride, kernel):
        super().__init__()
        self.mobile_inverted_conv = InvertedConv(inputs, outputs, expand, stride, kernel)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x):
        y = self.mobile_inverted_conv(x)
        return x + y if self.residual else y


class Net(nn.Module):
    def __init__(self, stem, blocks, classes, mix=0):
        super().__init__()
        self.first_conv = layer(3, stem, 3, 2)
        made, channels = [], stem
        for expand, outputs, stride, kernel in blocks:
            made.append(Block(channels, outputs, expand, stride, kernel))
            channels = outputs
        self.blocks = nn.ModuleList(made)
        self.feature_mix_layer = layer(channels, mix) if mix else nn.Identity()
        self.classifier = nn.Sequential(OrderedDict([("linear", nn.Linear(mix or channels, classes))]))

    def forward(self, x):
        x = self.first_conv(x)
        for block in self.blocks:
            x = block(x)
        return self.classifier(self.feature_mix_layer(x).mean((2, 3)))


def make(net, classes):
    (_, _, stem), blocks, _ = NETS[net]
    return Net(stem, [tuple(map(int, block.split("-"))) for block in blocks.split()], classes, MIX.get(net, 0)).eval()


def ours(net):
    return net if " " in net else f"mcunet-{net}"


def count(net):
    (size, classes, _), _, _ = NETS[net]
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        model = make(net, classes)
        model(torch.zeros(1, 3, size, size))
    stats = sum(b.numel() for n, b in model.named_buffers() if n.endswith(("running_mean", "running_var")))
    return {
        "net": ours(net),
        "by": f"torch {torch.__version__.partition('+')[0]}, scripts/reference/mcunet.py",
        "params": sum(p.numel() for p in model.parameters()),
        "macs": counter.get_total_flops() // 2,
        "normStats": stats,
    }


def published(net):
    macs, params, sram, flash = NETS[net][2]
    return {"net": ours(net), "megaMacs": macs, "megaParams": params, "sramKb": sram, "flashKb": flash}


if __name__ == "__main__":
    made = {"counts": [count(net) for net in NETS], "published": [published(net) for net in NETS], "compiled": COMPILED}
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(made, file, indent=2)
        file.write("\n")
