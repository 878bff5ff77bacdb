"""Files that PyTorch writes itself, for the readers of its formats: that of before 1.6, float8, and a checkpoint as the
training script of torchvision writes it (references/classification/train.py: the net, its running average, optimizer,
schedule and options).

    python scripts/reference/torch_files.py test/import/files
"""

import argparse
import gzip
import io
import os
import sys

import torch
from safetensors.torch import save_file
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from packing import keep

folder = sys.argv[1]
legacy = {"_use_new_zipfile_serialization": False}

# views of one storage, with offsets and strides; every type
base = torch.arange(12, dtype=torch.float32).reshape(3, 4)
views = {
    "whole": base,
    "columns": base.T,
    "inner": base[1:, 1:3],
    "every": base.reshape(-1)[1::4],
    "scalar": base[1, 3],
    "none": base[:0],
    "spread": base[0, 2].expand(2, 3),
    "half": torch.tensor([1.0, -2.0, 2.0**-24, 65504.0]).half(),
    "brain": torch.tensor([1.0, -3.0]).bfloat16(),
    "double": torch.tensor([1 / 3], dtype=torch.float64),
    "long": torch.tensor([-1, 2**40]),
    "bool": torch.tensor([True, False]),
}
keep(folder, "legacy-views.pth", lambda path: torch.save(views, path, **legacy))

# a net that files.py has written in the later format
with gzip.open(os.path.join(folder, "mobilenet-v1.pth.gz")) as file:
    net = torch.load(io.BytesIO(file.read()))
keep(folder, "mobilenet-v1-legacy.pth", lambda path: torch.save(net, path, **legacy))

# all 256 codes of each, with the values that torch gives them
codes = torch.arange(256, dtype=torch.uint8)
eights = {}
for name, dtype in ("e4m3", torch.float8_e4m3fn), ("e5m2", torch.float8_e5m2):
    eights[name] = codes.clone().view(dtype)
    eights[f"{name}.float"] = codes.view(dtype).float()
keep(folder, "float8.safetensors", lambda path: save_file(eights, path))
keep(folder, "float8.pth", lambda path: torch.save(eights, path))


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(2, 1)


torch.manual_seed(0)
model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.5), use_buffers=True)
schedule = torch.optim.lr_scheduler.SequentialLR(
    optimizer,
    [torch.optim.lr_scheduler.LinearLR(optimizer), torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 3])],
    milestones=[1],
)
for step in range(2):
    with torch.no_grad():
        model.fc.weight.fill_(step + 1)
        model.fc.bias.fill_(-step - 1)
    model.fc(torch.zeros(1, 2)).sum().backward()
    average.update_parameters(model)
model.fc.weight.grad = torch.zeros(1, 2)
optimizer.step()
schedule.step()
checkpoint = {
    "model": model.state_dict(),
    "optimizer": optimizer.state_dict(),
    "lr_scheduler": schedule.state_dict(),
    "epoch": 2,
    "args": argparse.Namespace(data_path="/data", lr=0.5, model_ema=True, weights=None),
    "model_ema": average.state_dict(),
}
keep(folder, "checkpoint-averaged.pth", lambda path: torch.save(checkpoint, path))
keep(folder, "checkpoint-averaged-legacy.pth", lambda path: torch.save(checkpoint, path, **legacy))
print({key: value.tolist() for key, value in model.state_dict().items()})
print({key: value.tolist() for key, value in average.state_dict().items()})
print("torch", torch.__version__)
