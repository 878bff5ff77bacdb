"""DDRNet-23-slim in PyTorch, written from table 1 and figures 4 and 5 of arXiv:2101.06085, and its counts: no package has it.

    python scripts/reference/ddrnet.py

The paper states 5.7 million parameters and 36.3 billion multiply-adds at 2048 x 1024 (table 5).
"""

import json

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

W = 32  # channels of the first stage; the detailed branch keeps 2 W


def conv_norm(inputs, outputs, kernel=1, stride=1):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs)
    )


def norm_conv(inputs, outputs, kernel=1, bias=False):
    return nn.Sequential(
        nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, kernel, 1, kernel // 2, bias=bias)
    )


class Residual(nn.Module):
    """Convs of these kernels and channels, the first 3x3 of which has the stride."""

    def __init__(self, inputs, stride, *layers):
        super().__init__()
        body, channels = [], inputs
        for kernel, outputs in layers:
            body += [conv_norm(channels, outputs, kernel, stride if kernel == 3 else 1), nn.ReLU()]
            channels, stride = outputs, 1 if kernel == 3 else stride
        self.body = nn.Sequential(*body[:-1])
        same = inputs == channels and body[0][0].stride == body[2][0].stride == (1, 1)
        step = max(layer[0].stride[0] for layer in body[::2])
        self.shortcut = nn.Identity() if same else conv_norm(inputs, channels, 1, step)

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


def stage(inputs, outputs, stride=1):
    return nn.Sequential(
        Residual(inputs, stride, (3, outputs), (3, outputs)),
        nn.ReLU(),
        Residual(outputs, 1, (3, outputs), (3, outputs)),
    )


def deep(inputs, middle, stride=1):
    return Residual(inputs, stride, (1, middle), (3, middle), (1, 2 * middle))


class Pyramid(nn.Module):
    def __init__(self, inputs, branch, outputs):
        super().__init__()
        pools = [nn.AvgPool2d(k, k // 2, k // 2, count_include_pad=False) for k in (5, 9, 17)]
        self.pools = nn.ModuleList([nn.Identity(), *pools, nn.AdaptiveAvgPool2d(1)])
        self.scales = nn.ModuleList(norm_conv(inputs, branch) for _ in self.pools)
        self.processes = nn.ModuleList(norm_conv(branch, branch, 3) for _ in pools + [None])
        self.compress = norm_conv(5 * branch, outputs)
        self.shortcut = norm_conv(inputs, outputs)

    def forward(self, x):
        done = []
        for i, (pool, scale) in enumerate(zip(self.pools, self.scales)):
            y = scale(pool(x))
            done.append(self.processes[i - 1](resized(y, x) + done[-1]) if i else y)
        return self.compress(torch.cat(done, 1)) + self.shortcut(x)


def resized(x, like):
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)


class DDRNet(nn.Module):
    def __init__(self, classes=19):
        super().__init__()
        self.stem = nn.Sequential(conv_norm(3, W, 3, 2), nn.ReLU(), conv_norm(W, W, 3, 2), nn.ReLU())
        self.stage1, self.stage2 = stage(W, W), stage(W, 2 * W, 2)
        self.low3, self.low4, self.low5 = stage(2 * W, 4 * W, 2), stage(4 * W, 8 * W, 2), deep(8 * W, 8 * W, 2)
        self.high3, self.high4, self.high5 = stage(2 * W, 2 * W), stage(2 * W, 2 * W), deep(2 * W, 2 * W)
        self.up3, self.up4 = conv_norm(4 * W, 2 * W), conv_norm(8 * W, 2 * W)
        self.down3 = conv_norm(2 * W, 4 * W, 3, 2)
        self.down4 = nn.Sequential(conv_norm(2 * W, 4 * W, 3, 2), nn.ReLU(), conv_norm(4 * W, 8 * W, 3, 2))
        self.pyramid = Pyramid(16 * W, 4 * W, 4 * W)
        self.head = nn.Sequential(norm_conv(4 * W, 2 * W, 3), norm_conv(2 * W, classes, 1, bias=True))

    def forward(self, image):
        x = F.relu(self.stage2(F.relu(self.stage1(self.stem(image)))))
        low, high = self.low3(x), self.high3(x)
        low, high = low + self.down3(F.relu(high)), high + resized(self.up3(F.relu(low)), high)
        low, high = self.low4(F.relu(low)), self.high4(F.relu(high))
        low, high = low + self.down4(F.relu(high)), high + resized(self.up4(F.relu(low)), high)
        high = self.high5(F.relu(high))
        context = self.pyramid(self.low5(F.relu(low)))
        return resized(self.head(high + resized(context, high)), image)


def counts(height, width):
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        model = DDRNet().eval()
        model(torch.zeros(1, 3, height, width))
    stats = sum(b.numel() for n, b in model.named_buffers() if n.endswith(("running_mean", "running_var")))
    params = sum(p.numel() for p in model.parameters())
    return {"params": params, "macs": counter.get_total_flops() // 2, "normStats": stats}


if __name__ == "__main__":
    print(json.dumps(counts(1024, 2048)))
