"""Crops of photographs that come with scikit-image, as bytes [n, 224, 224, 3].

    python scripts/reference/crops.py FOLDER OUT

FOLDER holds scikit-image's data; OUT gets measured.u8, 80 crops of 8 photographs, and calibration.u8, 64 other crops:
4 of each of these photographs and 4 of each of 8 others. A crop is a square of 70 to 100 % of the short side, as evaluation
takes them, at a seeded place.
"""
import sys

import numpy as np
from PIL import Image

MEASURED = [
    "astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg",
    "motorcycle_left.png", "camera.png", "clock_motion.png", "coins.png",
]
OTHERS = [
    "motorcycle_right.png", "hubble_deep_field.jpg", "retina.jpg", "ihc.png",
    "grass.png", "gravel.png", "brick.png", "moon.png",
]


def crops(folder, files, each, seed):
    source = np.random.default_rng(seed)
    out = []
    for file in files:
        image = Image.open(f"{folder}/{file}").convert("RGB")
        width, height = image.size
        for _ in range(each):
            side = int(min(width, height) * source.uniform(0.7, 1.0))
            x = int(source.integers(0, width - side + 1))
            y = int(source.integers(0, height - side + 1))
            part = image.crop((x, y, x + side, y + side)).resize((224, 224), Image.BICUBIC)
            out.append(np.asarray(part, np.uint8))
    return np.stack(out)


if __name__ == "__main__":
    folder, out = sys.argv[1:3]
    crops(folder, MEASURED, 10, 1).tofile(f"{out}/measured.u8")
    both = [crops(folder, MEASURED, 4, 2), crops(folder, OTHERS, 4, 3)]
    np.concatenate(both).tofile(f"{out}/calibration.u8")
