"""What Pillow, torchvision and timm make of pictures: the expected values of test/data/images/reference.json.

    images.py golden OUT.json      small pictures of odd sizes, made by the formula of fill.py
    images.py photos OUT FILES...  photographs: OUT/N.raw (RGB), OUT/N-K.raw (what timm makes of it), OUT/index.json
"""

import base64
import hashlib
import json
import os
import struct
import sys
import zlib

import numpy as np
import timm
import torchvision
from PIL import Image, ImageCms, ImageOps, __version__ as pillow
from timm.data.transforms_factory import transforms_imagenet_eval

from uniform import uniform

BY = f"Pillow {pillow}, torchvision {torchvision.__version__.split('+')[0]}, timm {timm.__version__}"
FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}


def made(seed, width, height, channels):
    """Patches of 1 to 5 pixels of full contrast, so that a cubic overshoots."""
    side = 1 + seed % 5
    tall, wide = -(-height // side), -(-width // side)
    small = np.floor(uniform(seed, tall * wide * channels) * 256).astype(np.uint8).reshape(tall, wide, channels)
    full = small.repeat(side, 0).repeat(side, 1)[:height, :width]
    return Image.fromarray(full[:, :, 0] if channels == 1 else full)


def told(array):
    data = np.ascontiguousarray(array).tobytes()
    out = {"sha256": hashlib.sha256(data).hexdigest()}
    return {**out, "bytes": base64.b64encode(data).decode()} if len(data) <= 300 else out


def prepared(image, how):
    size = how["size"] if isinstance(how["size"], list) else [how["size"]] * 2
    chain = transforms_imagenet_eval(
        tuple(size),
        crop_pct=how["crop"],
        crop_mode=how["cropMode"],
        interpolation=how["interpolation"],
        mean=tuple(how["mean"]),
        std=tuple(how["std"]),
        use_prefetcher=True,  # bytes, before mean and std
    )
    return chain(image).numpy().transpose(1, 2, 0)


def ways(seed):
    size = [8, 15, 24, [9, 14], 33][seed % 5]
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    for mode in ["center", "squash", "border"]:
        for interpolation in FILTERS:
            for crop in [0.875, 1.0, 0.9, 1.25][: 2 + seed % 3]:
                yield dict(size=size, crop=crop, cropMode=mode, interpolation=interpolation, mean=mean, std=std)


def turned(orientation):
    exif = Image.Exif()
    exif[0x112] = orientation
    return exif


def deep(height, width, channels):
    """A PNG of 16 bits, which Pillow does not write in colour."""
    values = np.floor(uniform(5, height * width * channels) * 65536).astype(">u2").reshape(height, -1)
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    head = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def kinds():
    """Files of every kind: smooth pictures, so that JPEG and WebP are small."""
    soft = made(3, 9, 7, 3).resize((33, 21), Image.BICUBIC)
    grey = soft.convert("L")
    clear = soft.copy()
    clear.putalpha(grey)
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    yield "rgb.png", soft, {}
    yield "grey.png", grey, {}
    yield "bits.png", grey.convert("1"), {}
    yield "palette.png", soft.quantize(16), {}
    yield "palette-clear.png", soft.quantize(16), {"transparency": 3}
    yield "grey-alpha.png", soft.convert("LA"), {}
    yield "alpha.png", clear, {}
    yield "deep.png", deep(6, 5, 3), None
    yield "deep-alpha.png", deep(6, 5, 4), None
    yield "deep-grey.png", deep(6, 5, 1), None
    for quality, subsampling in [(90, 0), (75, 1), (60, 2)]:
        yield f"q{quality}.jpg", soft, {"quality": quality, "subsampling": subsampling}
    yield "progressive.jpg", soft, {"progressive": True}
    yield "profile.jpg", soft, {"icc_profile": icc}
    yield "grey.jpg", grey, {}
    yield "cmyk.jpg", soft.convert("CMYK"), {"quality": 90}
    for orientation in range(2, 9):
        yield f"turned-{orientation}.jpg", soft, {"exif": turned(orientation)}
    yield "turned-6.png", soft, {"exif": turned(6)}
    yield "lossy.webp", soft, {"quality": 70}
    yield "lossless.webp", soft, {"lossless": True}
    yield "alpha.webp", clear, {"quality": 80}


def encoded(path, image, options):
    if options is None:
        with open(path, "wb") as f:
            f.write(image)
    else:
        image.save(path, **options)
    read = ImageOps.exif_transpose(Image.open(path))
    told_of = {"file": os.path.basename(path), "mode": read.mode, "width": read.width, "height": read.height}
    return {**told_of, **told(np.asarray(read.convert("RGB")))}


def golden(out):
    sizes = [(37, 53), (5, 3), (61, 20), (1, 1), (2, 97), (64, 64), (101, 7), (31, 30)]
    pictures = [dict(seed=i + 1, width=w, height=h, channels=1 if i % 4 == 3 else 3) for i, (w, h) in enumerate(sizes)]
    targets = [(1, 1), (7, 5), (16, 16), (37, 20), (64, 97), (150, 3)]
    resized, transformed = [], []
    for p in pictures:
        image = made(**p)
        for width, height in targets:
            for name, filter in FILTERS.items():
                result = np.asarray(image.resize((width, height), filter))
                resized.append({**p, "to": [width, height], "interpolation": name, **told(result)})
        rgb = image.convert("RGB")
        for how in ways(p["seed"]):
            if how["cropMode"] == "border" and min(image.size) < 3:
                continue  # timm would resize the short side to nothing, and stops
            transformed.append({**p, "how": how, **told(prepared(rgb, how))})
    grey = [{**p, **told(np.asarray(made(**p).convert("L")))} for p in pictures if p["channels"] == 3]
    files = [encoded(os.path.join(os.path.dirname(out), "files", name), *how) for name, *how in kinds()]
    with open(out, "w") as f:
        json.dump({"by": BY, "resized": resized, "prepared": transformed, "grey": grey, "files": files}, f)


def photos(out, files):
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    index = []
    for n, file in enumerate(files):
        image = Image.open(file).convert("RGB")
        np.asarray(image).tofile(os.path.join(out, f"{n}.raw"))
        made = []
        for mode in ["center", "squash", "border"]:
            for interpolation in FILTERS:
                for size, crop in [(224, 0.875), (256, 0.95), (97, 1.0), ([160, 224], 0.9)]:
                    how = dict(size=size, crop=crop, cropMode=mode, interpolation=interpolation, mean=mean, std=std)
                    prepared(image, how).tofile(os.path.join(out, f"{n}-{len(made)}.raw"))
                    made.append(how)
        index.append({"file": file, "width": image.width, "height": image.height, "ways": made})
    with open(os.path.join(out, "index.json"), "w") as f:
        json.dump({"by": BY, "photos": index}, f)


if __name__ == "__main__":
    [command, out, *rest] = sys.argv[1:]
    golden(out) if command == "golden" else photos(out, rest)
