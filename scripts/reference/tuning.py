"""Steps of fine-tuning by PyTorch and timm, in float64: test/learn/tuning.json.

    python scripts/reference/tuning.py FILE

Layer-wise decay is timm's `param_groups_layer_decay`, the moving average its `ModelEmaV3` with warm-up, a frozen stage its norms in
eval mode and its weights without gradients, new input channels its `adapt_input_conv`. Kernels are written [h, w, in, out].
test/learn/tuning-reference.test.ts takes the same steps.
"""

import json
import sys

import numpy as np
import timm
import torch
import torch.nn.functional as F
from fill import fill, images
from timm.models._manipulate import adapt_input_conv
from timm.optim import param_groups_layer_decay
from timm.utils import ModelEmaV3
from torch import nn

STEPS, RATE, LABELS = 3, 0.1, [0, 1, 2, 0, 1, 2]


class Norm(nn.BatchNorm2d):
    """Batch norm whose running variance is the biased one, as Moonlet and tf.layers have it."""

    def forward(self, x):
        if self.training:
            with torch.no_grad():
                self.running_mean.lerp_(x.mean((0, 2, 3)), self.momentum)
                self.running_var.lerp_(x.var((0, 2, 3), unbiased=False), self.momentum)
            return F.batch_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        part = lambda into, out: nn.Sequential(nn.Conv2d(into, out, 3, padding=1, bias=False), Norm(out), nn.ReLU())
        self.stem, self.stage1, self.stage2 = part(1, 4), part(4, 4), part(4, 5)
        self.head = nn.Linear(5, 3)

    def forward(self, x):
        return self.head(self.stage2(self.stage1(self.stem(x))).mean((2, 3)))

    def group_matcher(self, coarse=False):
        return dict(stem=r"^stem", blocks=r"^stage(\d+)")  # what matches nothing, the head, comes last


def written(state):
    """The tensors of a state in Moonlet's order and layout."""
    axes = {4: (2, 3, 1, 0), 2: (1, 0), 1: (0,)}
    return {
        name: np.transpose(t.numpy(), axes[t.ndim]).ravel().round(9).tolist()
        for name, t in state.items()
        if t.is_floating_point()
    }


def run(layer_decay=1.0, frozen=(), average=False, norms=True):
    net = Net()
    fill([m for m in net.modules() if isinstance(m, (nn.Conv2d, nn.BatchNorm2d, nn.Linear))])
    net = net.double()
    still = [getattr(net, name) for name in frozen] + [m for m in net.modules() if isinstance(m, Norm) and not norms]
    for module in still:
        module.requires_grad_(False)
    groups = param_groups_layer_decay(net, weight_decay=5e-4, layer_decay=layer_decay)
    for group in groups:
        group["lr"] = RATE * group["lr_scale"]
    optimizer = torch.optim.SGD(groups, lr=RATE, momentum=0.9, nesterov=True)
    ema = ModelEmaV3(net, decay=0.9, use_warmup=True) if average else None
    x, y = images(len(LABELS), 6, 1).double(), torch.tensor(LABELS)
    losses = []
    for step in range(STEPS):
        net.train()
        for module in still:
            module.eval()
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        if ema:
            ema.update(net, step=step + 1)
        losses.append(round(loss.item(), 9))
    return {
        "losses": losses,
        "weights": written(net.state_dict()),
        **({"average": written(ema.module.state_dict())} if ema else {}),
    }


def kernels():
    weight = torch.from_numpy(np.arange(2 * 3 * 2 * 2, dtype=np.float32).reshape(2, 3, 2, 2) / 7 - 1)
    adapted = {n: adapt_input_conv(n, weight.clone()) for n in (1, 2, 4, 7)}
    return {n: w.permute(2, 3, 1, 0).numpy().ravel().astype(float).round(7).tolist() for n, w in adapted.items()}


with open(sys.argv[1], "w") as file:
    json.dump(
        {
            "by": f"torch {torch.__version__.split('+')[0]}, timm {timm.__version__}",
            "decayed": run(layer_decay=0.5),
            "averaged": run(average=True),
            "frozen": run(frozen=("stem", "stage1")),
            "norms": run(norms=False),
            "kernels": kernels(),
        },
        file,
    )
