"""The whole run in PyTorch: `whole_run.py FOLDER WAY` trains the student of FOLDER and prints seconds and accuracy."""

import copy
import json
import os
import sys
import tempfile
import time

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "src", "bench", "peers"))

import torch
import torch.nn.functional as F  # noqa: N812
from common import THREADS, read_safetensors
from torch.utils.data import DataLoader, Dataset
from torch_net import build

FOLDER, WAY = sys.argv[1:3]
torch.set_num_threads(THREADS)


def path(name):
    return os.path.join(FOLDER, name)


with open(path("job.json")) as file:
    JOB = json.load(file)


def net_of(name, wanted):
    with open(path(f"{name}.json")) as file:
        graph = json.load(file)
    return build(graph, read_safetensors(path(f"{name}.safetensors")), [graph["outputs"][0], *wanted])


class Images(Dataset):
    """Bytes in memory; a batch is taken at once, shifted at random where `shift` is not 0, and normalized."""

    def __init__(self, name, shift=0):
        self.images = torch.from_numpy(np.fromfile(path(f"{name}-images.bin"), np.uint8)).view(-1, 28, 28)
        self.labels = torch.from_numpy(np.fromfile(path(f"{name}-labels.bin"), np.uint8)).long()
        self.shift = shift

    def __len__(self):
        return len(self.labels)

    def __getitems__(self, rows):
        rows = torch.tensor(rows)
        x = self.images[rows].float()
        s = self.shift
        if s:
            padded = F.pad(x, (s, s, s, s))
            down = torch.randint(0, 2 * s + 1, (len(rows), 1)) + torch.arange(28)
            right = torch.randint(0, 2 * s + 1, (len(rows), 1)) + torch.arange(28)
            x = padded[torch.arange(len(rows))[:, None, None], down[:, :, None], right[:, None, :]]
        x = (x / 255 - JOB["mean"]) / JOB["std"]
        return x[:, None], self.labels[rows]


def batches_of(data, batch, shuffle=False):
    return DataLoader(data, batch, shuffle=shuffle, drop_last=shuffle, collate_fn=lambda given: given)


def forever(loader):
    while True:
        yield from loader


def attention(x):
    f = (x * x).mean(1).flatten(1)
    return f * torch.rsqrt((f * f).sum(1, keepdim=True).clamp_min(1e-24))


def accuracy(net, data, memory_format):
    net.eval()
    right = 0
    with torch.inference_mode():
        for x, labels in batches_of(data, 250):
            right += (net(x.to(memory_format=memory_format))[0].argmax(1) == labels).sum().item()
    net.train()
    return right / len(data)


def save(net, optimizer, step, folder):
    """Whole or not at all: written beside, then renamed."""
    name = os.path.join(folder, "last.pt")
    torch.save({"net": net.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, name + ".new")
    os.replace(name + ".new", name)


def main():
    torch.manual_seed(JOB["seed"])
    train, held, test = Images("train", JOB["shift"]), Images("validation"), Images("test")
    student = net_of("student", [s for s, _ in JOB["pairs"]]).train()
    teacher = net_of("teacher", [t for _, t in JOB["pairs"]]).eval()
    start = time.perf_counter()
    memory_format = torch.channels_last if "channels-last" in WAY else torch.contiguous_format
    student, teacher = (copy.deepcopy(n).to(memory_format=memory_format) for n in (student, teacher))
    run, guide = (torch.compile(student), torch.compile(teacher)) if "compiled" in WAY else (student, teacher)
    decayed = [p for p in student.parameters() if p.dim() > 1]
    plain = [p for p in student.parameters() if p.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": JOB["weightDecay"]}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=JOB["momentum"], nesterov=True)
    temperature, every = JOB["temperature"], JOB["steps"] // JOB["evaluations"]
    source = forever(batches_of(train, JOB["batch"], shuffle=True))
    losses = []
    with tempfile.TemporaryDirectory() as folder:
        for step in range(JOB["steps"]):
            x, labels = next(source)
            x = x.to(memory_format=memory_format)
            for group in optimizer.param_groups:
                group["lr"] = JOB["rates"][step]
            with torch.no_grad():
                v, *theirs = guide(x)
            z, *mine = run(x)
            soft = F.kl_div(
                F.log_softmax(z / temperature, 1), F.log_softmax(v / temperature, 1), reduction="batchmean", log_target=True
            )
            gaps = [(attention(a) - attention(b)).square().mean() for a, b in zip(mine, theirs, strict=True)]
            loss = (
                JOB["crossEntropy"] * F.cross_entropy(z, labels)
                + JOB["softTargets"] * temperature**2 * soft
                + JOB["attention"] * 3 / len(gaps) * sum(gaps)
            )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            if (step + 1) % every == 0:
                accuracy(student, held, memory_format)
                save(student, optimizer, step + 1, folder)
        score = accuracy(student, test, memory_format)
    seconds = time.perf_counter() - start
    told = {"seconds": seconds, "accuracy": score, "version": torch.__version__.split("+")[0]}
    print("@" + json.dumps(told), flush=True)


main()
