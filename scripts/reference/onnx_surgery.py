"""Exports nets to ONNX as onnx_nets.py does, and prunes the same PyTorch modules with Torch-Pruning.

    python scripts/reference/onnx_surgery.py < requests

Requests are those of onnx_nets.py. The answer has the field `pruning` too: what Torch-Pruning did with the module of the
same weights, or nothing for nets that are no PyTorch modules.

Torch-Pruning removes 30 % of the channels of every group by the L2 norm of its filters (`MagnitudePruner`, no global ranking,
no rounding); layers that make the 1000 classes are ignored. The pruned module is compared with the masked one: the module
before pruning, with zeros in the kernels of convs and dense layers where they read a removed channel. What the removed
channels hold (biases, offsets of norms) then does not matter. Depthwise convs pass channels on and are not masked. Which input
channels a layer loses is taken from the groups that Torch-Pruning prunes.
"""

import copy
import json
import os
import sys
import time
import warnings

import numpy as np
from onnx_nets import Nets, answer, torch_net

warnings.filterwarnings("ignore")

RATIO = 0.3
CLASSES = 1000


def mask_inputs(layer, gone):
    """Zeros in the kernel where a conv or a dense layer reads the input channels `gone`."""
    import torch

    with torch.no_grad():
        if getattr(layer, "groups", 1) == 1:
            layer.weight[:, gone] = 0
            return
        rows, outputs = layer.weight.shape[1], layer.weight.shape[0] // layer.groups
        for channel in gone:
            group = channel // rows
            layer.weight[group * outputs : (group + 1) * outputs, channel % rows] = 0


def prune(net, x):
    """Prunes the module in place. Returns the input channels that each layer loses, by its name, as the unpruned net numbers them."""
    import torch
    import torch_pruning as tp

    names = {module: name for name, module in net.named_modules()}
    ends = [m for m in net.modules() if CLASSES in (getattr(m, "out_features", 0), getattr(m, "out_channels", 0))]
    pruner = tp.pruner.MagnitudePruner(
        net, x, importance=tp.importance.MagnitudeImportance(p=2), pruning_ratio=RATIO, ignored_layers=ends
    )
    kept, gone = {}, {}
    for group in pruner.step(interactive=True):
        for dep, idxs in group:
            layer = dep.target.module
            is_conv = isinstance(layer, torch.nn.Conv2d)
            if not is_conv and not isinstance(layer, torch.nn.Linear):
                continue
            if dep.handler.__name__ != "prune_in_channels" or (is_conv and layer.groups == layer.in_channels > 1):
                continue
            width = layer.in_channels if is_conv else layer.in_features
            now = kept.setdefault(layer, list(range(width)))
            lost = {now[i] for i in idxs if i < len(now)}  # others are the error of the pruning itself
            gone.setdefault(names[layer], set()).update(lost)
            kept[layer] = [c for c in now if c not in lost]
        group.prune()
    return gone


def compared(library, name, calm, x):
    import torch

    x = torch.from_numpy(x)
    net = torch_net(library, name, calm)
    masked = copy.deepcopy(net)
    params = sum(p.numel() for p in net.parameters())
    said = {"params": params}
    try:
        start = time.perf_counter()
        gone = prune(net, x)
        said["seconds"] = time.perf_counter() - start
        said["prunedParams"] = sum(p.numel() for p in net.parameters())
        with torch.no_grad():
            y = net(x)
            layers = dict(masked.named_modules())
            for layer, channels in gone.items():
                mask_inputs(layers[layer], sorted(channels))
            wanted = masked(x)
        y, wanted = (v[0] if isinstance(v, tuple) else v for v in (y, wanted))
        said["difference"] = float((y - wanted).abs().max() / wanted.abs().max())
    except Exception as error:  # the library's, told with the net
        text = str(error).strip().splitlines()
        said["error"] = f"{type(error).__name__}: {text[0] if text else ''}"[:200]
    return said


def main():
    out = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # exporters print whole graphs
    for line in iter(sys.stdin.readline, ""):
        if not line.strip():
            continue
        request = json.loads(line)
        [way] = request["ways"]
        try:
            nets = Nets(request["library"], request["name"], request["size"])
            said = answer(nets, request, way, None)
            if request["library"] != "keras":
                x = np.fromfile(os.path.join(way["folder"], "x.f32"), np.float32).reshape(said["x"])
                said["pruning"] = compared(request["library"], request["name"], True in nets.made, x)
        except Exception as error:  # the exporter's fault, told with the net
            text = str(error).strip().splitlines()
            said = {"error": f"{type(error).__name__}: {text[0] if text else ''}"[:200]}
        os.write(out, (json.dumps({**request, **said}) + "\n").encode())


if __name__ == "__main__":
    main()
