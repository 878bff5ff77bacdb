"""Times onnx.load and shape inference, and measures their memory, for `npm run references -- onnx-speed`.

    python scripts/reference/onnx_speed.py make FILE   writes torchvision's MobileNetV2, random weights, by PyTorch's TorchScript exporter
    python scripts/reference/onnx_speed.py read FILE   reads FILE once for each line of its input, and prints { "ms", "peakBytes" }
"""

import json
import sys
import time


def make(path):
    import torch
    import torchvision

    torch.manual_seed(1)
    net = torchvision.models.mobilenet_v2(weights=None).eval()
    torch.onnx.export(net, (torch.zeros(1, 3, 224, 224),), path, dynamo=False, opset_version=18)


def memory(name):
    """A line of /proc/self/status, in bytes."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(f"{name}:"))


def read(path):
    import onnx
    from onnx import shape_inference

    for _ in sys.stdin:
        with open("/proc/self/clear_refs", "w") as refs:
            refs.write("5")  # the peak begins again at what is used now
        before = memory("VmRSS")
        start = time.perf_counter()
        model = shape_inference.infer_shapes(onnx.load(path))
        ms = (time.perf_counter() - start) * 1e3
        print(json.dumps({"ms": ms, "peakBytes": memory("VmHWM") - before}), flush=True)
        del model


{"make": make, "read": read}[sys.argv[1]](sys.argv[2])
