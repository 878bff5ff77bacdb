"""The PyTorch side of zoo-latency.ts: a line of JSON in, one out.

    python scripts/docs/zoo_latency.py THREADS

{ "library", "name", "size", "folder" } makes a model of timm or torchvision with random weights, and writes its state dict
(model.safetensors) and its export (export.onnx, TorchScript exporter, operator set 18, batch 1). { "runs": N } times N runs of it
at batch 1 after one that is not timed, and answers their milliseconds.
"""

import json
import logging
import sys
import time
import warnings
import zlib

import timm
import torch
import torchvision
from safetensors.torch import save_file

sys.path.insert(0, "scripts/reference")
from timm_defaults import TRAINED

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
torch.set_num_threads(int(sys.argv[1]))


def made(library, name):
    """
    Norms are no identities, so that a net that computes something else is seen. Nor are their scales zero, as timm begins the last
    ones of branches: convs folded with these are all the same zeros, which PyTorch's exporter stores once, and which stay in cache.
    """
    torch.manual_seed(zlib.crc32(name.encode()))
    if library == "timm":
        model, version = timm.create_model(name, **TRAINED.get(name, {})), timm.__version__
    else:
        model, version = torchvision.models.get_model(name, weights=None), torchvision.__version__
    for module in model.modules():
        if getattr(module, "running_var", None) is not None:
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
            torch.nn.init.normal_(module.running_mean, std=0.1)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    for key, parameter in model.named_parameters():
        if key.endswith(("gamma", "layer_scale")):
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
    return model.eval(), f"{library} {version.partition('+')[0]}"


class Side:
    def make(self, library, name, size, folder):
        self.model, by = made(library, name)
        self.x = torch.randn(1, 3, size, size)
        save_file({k: v.contiguous().clone() for k, v in self.model.state_dict().items()}, f"{folder}/model.safetensors")
        torch.onnx.export(
            self.model, (self.x,), f"{folder}/export.onnx", dynamo=False, opset_version=18, input_names=["x"], output_names=["y"]
        )
        return {"by": by, "torch": torch.__version__.partition("+")[0]}

    @torch.inference_mode()
    def time(self, runs):
        times = []
        for i in range(runs + 1):
            start = time.perf_counter()
            self.model(self.x)
            if i:
                times.append((time.perf_counter() - start) * 1e3)
        return times


side = Side()
for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = side.time(request["runs"]) if "runs" in request else side.make(**request)
    except Exception as error:
        answer = {"error": " ".join(str(error).split())[:300]}
    print(json.dumps(answer), flush=True)
