"""Torch-Pruning on a net: `surgery.py FOLDER REPETITIONS` prunes 30 % of the channels by the L2 norm of their filters."""

import copy
import json
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "src", "bench", "peers"))

import torch
import torch_pruning as tp
from common import THREADS, read_safetensors
from torch_net import build

FOLDER, REPETITIONS = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(THREADS)
with open(os.path.join(FOLDER, "net.json")) as file:
    graph = json.load(file)
weights = read_safetensors(os.path.join(FOLDER, "net.safetensors"))


class One(torch.nn.Module):
    """The net with its one output."""

    def __init__(self):
        super().__init__()
        self.net = build(graph, weights, [graph["outputs"][0]])

    def forward(self, x):
        return self.net(x)[0]


whole = One().eval()
head = [m for m in whole.modules() if isinstance(m, torch.nn.Linear)][-1:]
x = torch.zeros(1, 3, 224, 224)
times, params = [], 0
for i in range(-2, REPETITIONS):
    net = copy.deepcopy(whole)
    kept = [m for m in net.modules() if isinstance(m, torch.nn.Linear)][-1:]
    start = time.perf_counter()
    pruner = tp.pruner.MagnitudePruner(net, x, tp.importance.MagnitudeImportance(p=2), pruning_ratio=0.3, ignored_layers=kept)
    pruner.step()
    if i >= 0:
        times.append(1000 * (time.perf_counter() - start))
    params = sum(p.numel() for p in net.parameters())
assert net(x).shape[1] == head[0].out_features
print("@" + json.dumps({"ms": statistics.median(times), "params": params, "version": tp.__version__}), flush=True)
