"""One image as the input of a net, [h, w, 3] float32, by torchvision's transforms and a card's preprocessing.

    python scripts/reference/prepared.py IMAGE PREPROCESSING_JSON OUT
"""

import json
import sys

import numpy as np
from PIL import Image
from torchvision import transforms
from torchvision.transforms import InterpolationMode

path, text, out = sys.argv[1:]
p = json.loads(text)
size = p["size"]
prepare = transforms.Compose(
    [
        transforms.Resize(int(size / p["crop"] + 1e-9), InterpolationMode(p["interpolation"])),
        transforms.CenterCrop(size),
        transforms.ToTensor(),
        transforms.Normalize(p["mean"], p["std"]),
    ]
)
x = prepare(Image.open(path).convert("RGB")).numpy().transpose(1, 2, 0)
np.ascontiguousarray(x, dtype="<f4").tofile(out)
