"""Photographs of scikit-image as JPEG files: those that are classified, and others that calibrate.

    python scripts/reference/pretrained_photos.py OUT

OUT/measured has cat.jpg, cup.jpg, rocket.jpg and astronaut.jpg; OUT/calibration has other photographs, each whole and in five
crops of a fixed seed.
"""

import os
import random
import sys

import skimage
from PIL import Image

(out,) = sys.argv[1:]
data = os.path.join(os.path.dirname(skimage.__file__), "data")
measured = {"cat": "chelsea.png", "cup": "coffee.png", "rocket": "rocket.jpg", "astronaut": "astronaut.png"}
others = [
    *["brick.png", "camera.png", "clock_motion.png", "coins.png", "grass.png", "gravel.png", "horse.png"],
    *["hubble_deep_field.jpg", "ihc.png", "moon.png", "motorcycle_left.png", "motorcycle_right.png"],
    *["retina.jpg", "page.png"],
]
for part in ["measured", "calibration"]:
    os.makedirs(os.path.join(out, part), exist_ok=True)


def opened(name):
    return Image.open(os.path.join(data, name)).convert("RGB")


def save(image, *path):
    image.save(os.path.join(out, *path), quality=95)


for name, file in measured.items():
    save(opened(file), "measured", f"{name}.jpg")
draw = random.Random(1)
for file in others:
    image = opened(file)
    name = file.split(".")[0]
    save(image, "calibration", f"{name}.jpg")
    for i in range(5):
        side = int(min(image.size) * draw.uniform(0.4, 0.9))
        left = draw.randint(0, image.width - side)
        top = draw.randint(0, image.height - side)
        save(image.crop((left, top, left + side, top + side)), "calibration", f"{name}-{i}.jpg")
