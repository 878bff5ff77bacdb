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

from names import TIMM


def params(name, classes):
    with torch.device("meta"):
        return sum(p.numel() for p in timm.create_model(name, num_classes=classes).parameters())


if __name__ == "__main__":
    rows, counted = [], {}
    for full in list_pretrained():
        name = full.split(".")[0]
        cfg = get_pretrained_cfg(full)
        if name not in TIMM or not cfg.hf_hub_id or not cfg.num_classes:
            continue
        if "clip" in full and "_ft_" not in full:  # their outputs are embeddings of images, and no classes
            continue
        key = name, cfg.num_classes
        counted[key] = counted.get(key) or params(*key)
        architecture = re.sub(r" classes=\d+", "", TIMM[name])  # each has its own
        row = {"name": full, "architecture": architecture, "input": list(cfg.input_size)}
        rows.append(row | {"classes": cfg.num_classes, "params": counted[key], "license": cfg.license or None})
    made = {"from": f"timm {timm.__version__}, by scripts/reference/hub.py", "nets": rows}
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        lines = ",\n    ".join(json.dumps(row) for row in made["nets"])
        file.write(f'{{\n  "from": {json.dumps(made["from"])},\n  "nets": [\n    {lines}\n  ]\n}}\n')
