"""State dicts of efficientnet-lite-pytorch (0.1.0; its names are those of efficientnet-pytorch, whose code it has), with
the logits that they give when each tensor is filled by its place in the list, as JSON: rows as imports.py writes them.

    python scripts/reference/efficientnet_pytorch.py test/import/efficientnet-pytorch.json
"""

import json
import sys

import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet

from fill import images, uniform

CLASSES, SIZE = 10, 64


def values(name, k, shape):
    """Tensor k, by what its name says that it is; the first axis is that of outputs."""
    n = int(np.prod(shape))
    u = uniform(k, n)
    if name.endswith(("running_mean", "bias")):
        v = 0.2 * (2 * u - 1)
    elif name.endswith("running_var") or len(shape) == 1:
        v = 0.5 + u
    else:
        v = np.sqrt(3 / (n / shape[0])) * (2 * u - 1)
    return torch.from_numpy(v.astype(np.float32).reshape(shape))


def row(arch):
    model = EfficientNet.from_name(arch, image_size=SIZE, num_classes=CLASSES).eval()
    state = model.state_dict()
    with torch.no_grad():
        for k, (name, tensor) in enumerate(state.items()):
            if not name.endswith("num_batches_tracked"):
                tensor.copy_(values(name, k, tuple(tensor.shape)))
        logits = model.double()(images(1, SIZE).double())[0].tolist()
    tensors = {}
    for name, tensor in state.items():
        module, _, slot = name.rpartition(".")
        norm = f"{module}.running_mean" in state  # one number for its five tensors
        if not norm:
            tensors[name] = list(tensor.shape)
        elif slot == "weight":
            tensors[module] = len(tensor)
    return {
        "net": f"{arch} size={SIZE} classes={CLASSES}",
        "source": "efficientnet-pytorch",
        "by": "efficientnet_lite_pytorch 0.1.0",
        "preprocessing": {},
        "tensors": tensors,
        "logits": [float(f"{v:.9g}") for v in logits],
    }


with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump({"cases": [row("efficientnet-lite0"), row("efficientnet-lite1"), row("efficientnet-b0")]}, file)
    file.write("\n")
