"""torchvision's SSD-Lite and LR-ASPP with each tensor filled by its place in the list: some of their outputs, and the boxes that the
detector makes. test/zoo/detection.test.ts and segmentation.test.ts are the other side.

    python scripts/reference/dense_prediction.py test/zoo/reference/ssdlite.json test/zoo/reference/lraspp.json
"""

import json
import sys

import torch
import torchvision
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models.detection import ssdlite320_mobilenet_v3_large
from torchvision.models.detection.image_list import ImageList
from torchvision.models.segmentation import lraspp_mobilenet_v3_large

from fill import images
from imports import brief, values

SIZE, CLASSES, STEP, BOXES = 96, 10, 13, 40


def counts():
    model = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.head(list(model.backbone(torch.zeros(1, 3, 320, 320)).values()))
    stats = sum(b.numel() for n, b in model.named_buffers() if n.endswith(("running_mean", "running_var")))
    return {
        "params": sum(p.numel() for p in model.parameters()),
        "macs": counter.get_total_flops() // 2,
        "normStats": stats,
    }


def rounded(tensor):
    return [float(f"{v:.9g}") for v in tensor.flatten().tolist()]


def filled(make):
    model = make(weights=None, weights_backbone=None, num_classes=CLASSES).eval()
    state = model.state_dict()
    with torch.no_grad():
        for k, (name, tensor) in enumerate(state.items()):
            if not name.endswith("num_batches_tracked"):
                tensor.copy_(torch.from_numpy(values(name, k, tuple(tensor.shape), 0)))
    return model.double(), {name: list(t.shape) for name, t in state.items()}


def common(arch, shapes):
    return {
        "by": f"torchvision {torchvision.__version__.partition('+')[0]}",
        "net": f"{arch} size={SIZE} classes={CLASSES}",
        "source": "torchvision",
        "tensors": brief(shapes),
    }


def detector(x):
    model, shapes = filled(ssdlite320_mobilenet_v3_large)
    with torch.no_grad():
        features = list(model.backbone(x).values())
        outputs = model.head(features)
        anchors = model.anchor_generator(ImageList(x, [(SIZE, SIZE)]), features)
        (found,) = model.postprocess_detections(outputs, anchors, [(SIZE, SIZE)])
    return common("ssdlite-mobilenet-v3-large", shapes) | {
        "counts": counts(),
        "step": STEP,
        "classes": rounded(outputs["cls_logits"].flatten()[::STEP]),
        "offsets": rounded(outputs["bbox_regression"].flatten()[::STEP]),
        "detections": len(found["scores"]),
        "boxes": rounded(found["boxes"][:BOXES]),
        "labels": found["labels"][:BOXES].tolist(),
        "scores": rounded(found["scores"][:BOXES]),
    }


def segmenter(x):
    """Every 101st number of the logits, channels last."""
    model, shapes = filled(lraspp_mobilenet_v3_large)
    with torch.no_grad():
        logits = model(x)["out"][0].permute(1, 2, 0)
    return common("lraspp-mobilenet-v3-large", shapes) | {"step": 101, "logits": rounded(logits.flatten()[::101])}


if __name__ == "__main__":
    x = images(1, SIZE).double()
    for path, result in zip(sys.argv[1:], (detector(x), segmenter(x))):
        with open(path, "w", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")
