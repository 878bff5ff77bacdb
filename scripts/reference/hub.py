"""timm's pretrained nets on the hub whose architecture and names we have, from timm itself; and the labels of ImageNet-1k in
the order of their classifiers.

    python scripts/reference/hub.py zoo/hub.json
"""

import json
import re
import sys

import timm
import torch
from timm.models import get_pretrained_cfg, list_pretrained

from timm_defaults import names

# ours of timm's, where it is not timm's with other dashes
OURS = {
    "mobilenetv1": "mobilenet-v1",
    "mobilenetv2": "mobilenet-v2",
    "mobilenetv3_small": "mobilenet-v3-small",
    "mobilenetv3_large": "mobilenet-v3-large",
    "mobilenetv4_conv_small": "mobilenet-v4-conv-small",
    "regnetx_002": "regnet-x-200mf",
    "regnetx_004": "regnet-x-400mf",
    "regnety_002": "regnet-y-200mf",
    "regnety_004": "regnet-y-400mf",
    "densenet121": "densenet-121",
    "legacy_xception": "xception",
    "resnet18": "resnet-18",
    "resnet34": "resnet-34",
    "resnet50": "resnet-50",
    "resnext50_32x4d": "resnext-50",
}


def ours(name):
    bare = name.removeprefix("tf_")
    stem, width = bare, 1
    if bare not in OURS and (match := re.fullmatch(r"(.+)_(\d{3})", bare)):
        stem, width = match[1], int(match[2]) / 100
    arch = OURS.get(stem, stem.replace("_", "-"))
    return arch if width == 1 else f"{arch} width={width:g}"


def params(name, classes):
    with torch.device("meta"):
        return sum(p.numel() for p in timm.create_model(name, num_classes=classes).parameters())


if __name__ == "__main__":
    known = set(names())
    rows, counted = [], {}
    for full in list_pretrained():
        name = full.split(".")[0]
        cfg = get_pretrained_cfg(full)
        if name not in known or not cfg.hf_hub_id or not cfg.num_classes:
            continue
        key = name, cfg.num_classes
        counted[key] = counted.get(key) or params(*key)
        row = {"name": full, "architecture": ours(name), "input": list(cfg.input_size)}
        rows.append(row | {"classes": cfg.num_classes, "params": counted[key], "license": cfg.license or None})
    made = {"from": f"timm {timm.__version__}, by scripts/reference/hub.py", "nets": rows}
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        lines = ",\n    ".join(json.dumps(row) for row in made["nets"])
        file.write(f'{{\n  "from": {json.dumps(made["from"])},\n  "nets": [\n    {lines}\n  ]\n}}\n')
