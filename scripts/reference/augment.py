"""What Pillow and torchvision make of pictures by the operations of augmentations: test/data/images/augment.json.

    augment.py OUT.json      pictures of odd sizes, made by the formula of fill.py
    augment.py --photo FILE  a line for each operation on a photograph: its name and the sha256 of the bytes
"""

import json
import sys

import numpy as np
import torch
import torchvision
import torchvision.transforms.functional as F
from PIL import Image, __version__ as pillow
from torchvision.transforms import InterpolationMode
from torchvision.transforms.autoaugment import _apply_op

from images import made, told

BY = f"Pillow {pillow}, torchvision {torchvision.__version__.split('+')[0]}"
SAMPLING = {"nearest": InterpolationMode.NEAREST, "bilinear": InterpolationMode.BILINEAR}


def moved(name, amount, how):
    return lambda image: _apply_op(image, name, amount, interpolation=SAMPLING[how], fill=None)


def operations():
    """Each with the words by which the test calls its own."""
    for factor in [0.1, 0.37, 0.91, 1, 1.3, 1.9, 3.5]:
        yield ["brightness", factor], lambda image, f=factor: F.adjust_brightness(image, f)
        yield ["contrast", factor], lambda image, f=factor: F.adjust_contrast(image, f)
        yield ["saturation", factor], lambda image, f=factor: F.adjust_saturation(image, f)
        yield ["sharpness", factor], lambda image, f=factor: F.adjust_sharpness(image, f)
    for share in [-0.5, -0.21, -0.01, 0, 0.1, 0.33, 0.5]:
        yield ["hue", share], lambda image, s=share: F.adjust_hue(image, s)
    for bits in [1, 4, 7, 8]:
        yield ["posterize", bits], lambda image, b=bits: F.posterize(image, b)
    for threshold in [0, 77.5, 128, 255]:
        yield ["solarize", threshold], lambda image, t=threshold: F.solarize(image, t)
    yield ["autoContrast"], F.autocontrast
    yield ["equalize"], F.equalize
    for how in SAMPLING:
        for slope in [-0.3, -0.09, 0, 0.11, 0.29]:
            yield ["shearX", slope, how], moved("ShearX", slope, how)
            yield ["shearY", slope, how], moved("ShearY", slope, how)
        for pixels in [-7.9, -1, 0, 2.5, 11]:
            yield ["translateX", pixels, how], moved("TranslateX", pixels, how)
            yield ["translateY", pixels, how], moved("TranslateY", pixels, how)
        for degrees in [-30, -9.3, 0.4, 9, 17.7, 30]:
            yield ["rotate", degrees, how], moved("Rotate", degrees, how)
    for how in ["bilinear", "bicubic"]:
        for box in [[0, 0, 1, 1], [1, 2, 9, 7], [3, 1, 5, 11], [0, 0, 12, 12]]:
            for size in [[8, 8], [5, 9], [16, 15]]:
                mode = InterpolationMode(how)
                yield ["resizedCrop", box, size, how], lambda image, b=box, s=size, m=mode: F.resized_crop(image, *b, s, m)


def main(out):
    rows = []
    for seed, (width, height, channels) in enumerate([(16, 13, 3), (13, 16, 1), (31, 14, 3), (14, 37, 3)]):
        image = made(seed, width, height, channels)
        for words, operation in operations():
            row = told(np.asarray(operation(image)))
            rows.append([seed, width, height, channels, words, row["sha256"][:16]])
    with open(out, "w") as file:
        lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
        file.write(f'{{"by":"{BY}","rows":[\n{lines}\n]}}\n')
    print(f"{len(rows)} results of {BY} in {out}")


def photo(file):
    image = Image.open(file).convert("RGB")
    for words, operation in operations():
        print(json.dumps(words), told(np.asarray(operation(image)))["sha256"][:16])


if __name__ == "__main__":
    torch.manual_seed(0)
    photo(sys.argv[2]) if sys.argv[1] == "--photo" else main(sys.argv[1])
