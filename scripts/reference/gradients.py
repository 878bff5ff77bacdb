"""Values and gradients of single ops by PyTorch, in float64: test/kernels/gradients.json.

    python scripts/reference/gradients.py FILE

Each case is computed twice at batch 3: on few numbers that tie often and stand on the kinks, and on numbers all apart. The
gradients are those of the sum of y w, with w[i] = ((5 (i i mod 11) + 7 i) mod 16 - 7.5) / 8. Arrays lie channels last, kernels [h, w, in, out];
test/support/gradient-cases.ts has the same ops in tensors of tf.
"""

import json
import sys
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from fill import uniform

cases = {}


def case(name, shapes, fn, grid=(-1, -0.5, 0, 0.5, 1), reach=(-2, 2), grads=None, smooth=lambda *inputs: True):
    """The first `grads` inputs (by default all) get a gradient. `grid` holds the numbers that tie, `reach` the ends of
    those apart, which are drawn until they lie where the op is `smooth`."""
    count = len(shapes) if grads is None else grads
    sizes = [int(np.prod(s)) for s in shapes]
    total = sum(sizes)
    low, high = reach

    def tensors(values):
        parts = np.split(values, np.cumsum(sizes)[:-1])
        return [torch.tensor(p.reshape(s).astype(np.float32).astype(np.float64)) for p, s in zip(parts, shapes)]

    tied = tensors(np.array(grid, dtype=np.float64)[(uniform(len(cases) + 1, total) * len(grid)).astype(int)])
    for draw in range(1000):
        order = np.argsort(uniform(1000 * (len(cases) + 1) + draw, total), kind="stable")
        apart = tensors((low + (order + 0.5) * (high - low) / total).round(3))
        if smooth(*apart):
            break
    else:
        raise ValueError(f"{name}: no smooth inputs")
    runs = {}
    for kind, inputs in (("ties", tied), ("apart", apart)):
        for x in inputs[:count]:
            x.requires_grad_(True)
        y = fn(*inputs)
        i = np.arange(y.numel())
        w = torch.tensor(((5 * (i * i % 11) + 7 * i) % 16 - 7.5) / 8).reshape(y.shape)
        flat_everywhere = not y.requires_grad
        found = [None] * count if flat_everywhere else torch.autograd.grad((y * w).sum(), inputs[:count], allow_unused=True)
        gradients = [torch.zeros_like(x) if g is None else g for g, x in zip(found, inputs)]
        runs[kind] = {"inputs": [flat(x) for x in inputs], "y": flat(y), "gradients": [flat(g) for g in gradients]}
    cases[name] = {"shapes": [list(s) for s in shapes], "output": list(y.shape), **runs}


def flat(t):
    return [short(v) for v in t.detach().reshape(-1).tolist()]


def short(v):
    """Six digits, whole numbers as such."""
    rounded = float(f"{v:.6g}")
    return int(rounded) if rounded == int(rounded) else rounded


def first(x):
    """Channels first."""
    return x.permute(0, 3, 1, 2)


def last(x):
    return x.permute(0, 2, 3, 1)


def padded(x, top, right, bottom, left, value=0.0):
    return F.pad(first(x), (left, right, top, bottom), value=value)


def conv(pads, stride=1, dilation=1, groups=1):
    """pads: top, right, bottom, left"""

    def run(x, k, b=None):
        weight = k.permute(3, 2, 0, 1)
        return last(F.conv2d(padded(x, *pads), weight, b, stride=stride, dilation=dilation, groups=groups))

    return run


def norm(training):
    """By the batch's statistics, or by given ones, of which the variance is v v + 0.5."""

    def run(x, gamma, beta, mean=None, v=None):
        if not training:
            return (x - mean) / torch.sqrt(v * v + 0.5 + 1e-3) * gamma + beta
        y = F.batch_norm(first(x) if x.dim() == 4 else x, None, None, gamma, beta, training=True, eps=1e-3)
        return last(y) if x.dim() == 4 else y

    return run


def average(size, stride, pads):
    """Padding is not counted."""

    def run(x):
        sums = F.avg_pool2d(padded(x, *pads), size, stride, divisor_override=1)
        counts = F.avg_pool2d(padded(torch.ones_like(x), *pads), size, stride, divisor_override=1)
        return last(sums / counts)

    return run


def maximal(size, stride, pads):
    return lambda x: last(F.max_pool2d(padded(x, *pads, value=-torch.inf), size, stride))


def upsample(factor, mode):
    align = None if mode == "nearest" else False
    return lambda x: last(F.interpolate(first(x), scale_factor=factor, mode=mode, align_corners=align))


def quantized(x):
    """torch's fake quantization knows float32 only; its straight-through gradient is 1 where the code is in range."""
    return torch.fake_quantize_per_tensor_affine(x.float(), 0.25, 1, -4, 3).double()


def shuffle(x):
    return last(F.channel_shuffle(first(x), 2))


def shift(x):
    """Channel j of 9 reads the place that tap j of a 3 x 3 window meets."""
    wide = F.pad(first(x), (1, 1, 1, 1))
    h, w = x.shape[1:3]
    return last(torch.stack([wide[:, j, j // 3 : j // 3 + h, j % 3 : j % 3 + w] for j in range(9)], 1))


def inside_steps(a, b):
    """Whether no quotient is close to a whole number."""
    return bool(((a / b - torch.round(a / b)).abs() > 0.02).all())


image, kinks = (3, 4, 4, 2), {"grid": (-1, 0, 1, 6, 7), "reach": (-6, 10)}
hard = {"grid": (-4, -3, 0, 3, 4), "reach": (-6, 6)}
positive = {"grid": (0.5, 1, 2, 4), "reach": (0.25, 3)}
small = (3, 2, 2, 2)
kernel, bias = (3, 3, 2, 4), (4,)
same, none = (1, 1, 1, 1), (0, 0, 0, 0)

# ops of a graph
case("conv", [image, kernel, bias], conv(same))
case("conv, stride 2", [image, kernel, bias], conv((0, 1, 1, 0), stride=2))
case("conv, stride 2 and padding of its own", [(3, 5, 5, 2), kernel], conv((1, 2, 1, 0), stride=2))
case("conv, dilated", [(3, 6, 6, 2), kernel], conv((2, 2, 2, 2), dilation=2))
case("conv, grouped", [(3, 4, 4, 4), kernel], conv(same, groups=2))
case("conv, depthwise", [(3, 4, 4, 4), (3, 3, 1, 4)], conv(same, groups=4))
case("conv, depthwise, stride 2", [(3, 4, 4, 4), (3, 3, 1, 4)], conv((0, 1, 1, 0), stride=2, groups=4))
case("conv, pointwise", [image, (1, 1, 2, 4)], conv(none))
case("dense", [(3, 5), (5, 4), (4,)], lambda x, k, b: x @ k + b)
case("norm", [small, (2,), (2,)], norm(True))
case("norm of vectors", [(6, 4), (4,), (4,)], norm(True))
case("norm by kept statistics", [small, (2,), (2,), (2,), (2,)], norm(False))
case("norm of vectors by kept statistics", [(3, 4), (4,), (4,), (4,), (4,)], norm(False))
for name, fn, at in [
    ("relu", F.relu, {}),
    ("relu6", F.relu6, kinks),
    ("hardSigmoid", F.hardsigmoid, hard),
    ("hardSwish", F.hardswish, hard),
    ("sigmoid", torch.sigmoid, {}),
    ("swish", F.silu, {}),
    ("tanh", torch.tanh, {}),
    ("gelu", F.gelu, {}),
    ("geluTanh", partial(F.gelu, approximate="tanh"), {}),
    ("softmax", lambda x: F.softmax(x, -1), {}),
    ("negate", torch.neg, {}),
]:
    case(f"act {name}", [small], fn, **at)
case("max pool", [image], maximal(2, 2, none), grid=(0, 0, 1))
case("max pool, overlapping and padded", [(3, 5, 5, 2)], maximal(3, 2, same), grid=(-1, 0, 0))
case("max pool, padding of its own", [image], maximal(3, 2, (0, 1, 1, 0)), grid=(-1, 0, 0))
case("average pool", [image], average(2, 2, none))
case("average pool, overlapping and padded", [(3, 5, 5, 2)], average(3, 2, same))
case("global average pool", [image], lambda x: x.mean((1, 2)))
case("global max pool", [image], lambda x: x.amax((1, 2)), grid=(0, 0, 1))
case("maxout", [(3, 2, 2, 6)], lambda x: x.reshape(3, 2, 2, 2, 3).amax(4), grid=(0, 0, 1))
case("maxout of vectors", [(3, 6)], lambda x: x.reshape(3, 3, 2).amax(2), grid=(0, 0, 1))
case("add", [small, small], torch.add)
case("mul", [small, small], torch.mul)
case("mul by a gate", [small, (3, 2)], lambda x, g: x * g[:, None, None, :])
case("mul of a value by itself", [small], lambda x: x * x)
case("concat of a value twice, and another", [small, (3, 2, 2, 1)], lambda x, y: torch.cat([x, x, y], 3))
case("slice", [(3, 2, 2, 5)], lambda x: x[..., 1:4])
case("shuffle", [(3, 2, 2, 4)], shuffle)
case("permute", [(3, 2, 2, 4)], lambda x: x[..., [2, 0, 3, 1]])
case("flatten", [small], lambda x: x.reshape(3, -1))
case("shift", [(3, 3, 3, 9)], shift)
for factor in (2, 3):
    case(f"nearest upsampling by {factor}", [(3, 2, 3, 2)], upsample(factor, "nearest"))
    case(f"bilinear upsampling by {factor}", [(3, 2, 3, 2)], upsample(factor, "bilinear"))
case("quantize", [small], quantized, grid=(-2, -1.25, -1, 0, 0.5, 0.75))

case("magnitude", [small], torch.abs)

# ops of tf, as losses and functions of one's own use them
for name, fn, at in [
    ("abs", torch.abs, {}),
    ("square", torch.square, {}),
    ("exp", torch.exp, {}),
    ("expm1", torch.expm1, {}),
    ("log", torch.log, positive),
    ("log1p", torch.log1p, positive),
    ("sqrt", torch.sqrt, positive),
    ("rsqrt", torch.rsqrt, positive),
    ("reciprocal", torch.reciprocal, positive),
    ("neg", torch.neg, {}),
    ("elu", F.elu, {}),
    ("selu", F.selu, {}),
    ("softplus", F.softplus, {}),
    ("sigmoid", torch.sigmoid, {}),
    ("tanh", torch.tanh, {}),
    ("erf", torch.erf, {}),
    ("sin", torch.sin, {}),
    ("cos", torch.cos, {}),
    ("tan", torch.tan, {"reach": (-1, 1)}),
    ("asin", torch.asin, {"grid": (-0.5, 0, 0.5), "reach": (-0.9, 0.9)}),
    ("acos", torch.acos, {"grid": (-0.5, 0, 0.5), "reach": (-0.9, 0.9)}),
    ("atan", torch.atan, {}),
    ("sinh", torch.sinh, {}),
    ("cosh", torch.cosh, {}),
    ("leakyRelu", lambda x: F.leaky_relu(x, 0.25), {}),
    ("clipByValue", lambda x: torch.clamp(x, -0.5, 0.5), {}),
    ("sign", torch.sign, {}),
    ("floor", torch.floor, {"grid": (-0.75, 0.25, 0.5)}),
    ("ceil", torch.ceil, {"grid": (-0.75, 0.25, 0.5)}),
    ("round", torch.round, {"grid": (-0.75, 0.25, 0.75)}),
    ("logSoftmax", lambda x: F.log_softmax(x, -1), {}),
    ("logSumExp", lambda x: torch.logsumexp(x, -1), {}),
    ("cumsum", lambda x: x.cumsum(-1), {}),
    ("cumsum of rows", lambda x: x.cumsum(1), {}),
    ("cumsum of rows backwards without the own", lambda x: x.flip(1).cumsum(1).flip(1) - x, {}),
    ("reverse", lambda x: x.flip(1, 2), {}),
    ("transpose", lambda x: x.permute(3, 0, 2, 1), {}),
    ("tile", lambda x: x.repeat(1, 2, 1, 3), {}),
    ("pad", lambda x: F.pad(x, (0, 1, 2, 0)), {}),
    ("unstack", lambda x: x.unbind(2)[1], {}),
    ("split", lambda x: x.split([1, 3], 2)[1], {}),
    ("max of all", lambda x: x.amax(), {"grid": (0, 1)}),
    ("max of rows", lambda x: x.amax(2), {"grid": (0, 1)}),
    ("max of rows, kept", lambda x: x.amax(2, keepdim=True), {"grid": (0, 1)}),
    ("min of all", lambda x: x.amin(), {"grid": (0, 1)}),
    ("min of rows and columns", lambda x: x.amin((1, 2)), {"grid": (0, 1)}),
    ("sum", lambda x: x.sum((0, 2)), {}),
    ("mean", lambda x: x.mean((0, 2)), {}),
    ("gather", lambda x: x[:, :, [2, 0, 2, 3]], {}),
    ("step", lambda x: (x > 0).double(), {}),
    ("argMax", lambda x: x.argmax(2).double(), {}),
    ("argMin", lambda x: x.argmin(2).double(), {}),
    ("isNaN", lambda x: torch.isnan(x).double(), {}),
    ("zerosLike", torch.zeros_like, {}),
    ("onesLike", torch.ones_like, {}),
    ("expandDims", lambda x: x.unsqueeze(1), {}),
    ("prod of all", lambda x: x.prod(), {"grid": (-1, 1, 2), "reach": (0.5, 1.5)}),
    ("prod of rows", lambda x: x.prod(2), {"grid": (-1, 0, 2)}),
    ("prod of rows and columns, kept", lambda x: x.prod(1, keepdim=True).prod(2, keepdim=True), {"grid": (-1, 1, 1, 1, 0)}),
    ("mirrorPad that repeats the edge", lambda x: x[:, [0, 0, 1, 1, 0]][:, :, [1, 0, 0, 1, 2, 3]], {}),
    ("mirrorPad that leaves it out", lambda x: x[:, [1, 0, 1, 0]][:, :, [2, 1, 0, 1, 2, 3]], {}),
    ("gather of images", lambda x: x[[2, 0, 2, 2, 1]], {}),
]:
    case(f"tf.{name}", [(3, 2, 4, 2)], fn, **at)
case("tf.prelu", [small, (2,)], lambda x, a: torch.where(x > 0, x, a * x))
for name, fn, at in [
    ("add", torch.add, {}),
    ("sub", torch.sub, {}),
    ("mul", torch.mul, {}),
    ("div", torch.div, positive),
    ("maximum", torch.maximum, {}),
    ("minimum", torch.minimum, {}),
    ("squaredDifference", lambda a, b: (a - b) ** 2, {}),
    ("pow", torch.pow, positive),
    ("mod", torch.remainder, {"grid": (0.5, 0.75), "reach": (0.5, 3), "smooth": inside_steps}),
    ("floorDiv", lambda a, b: torch.floor(a / b), {"grid": (0.5, 0.75), "reach": (0.5, 3), "smooth": inside_steps}),
]:
    case(f"tf.{name}", [(3, 4), (3, 4)], fn, **at)
    case(f"tf.{name} by channel", [(3, 2, 4), (4,)], fn, **at)
    case(f"tf.{name} of a column", [(3, 1, 1), (2, 4)], fn, **at)
case("tf.pow at 0", [(3, 4), (4,)], lambda a, b: torch.pow(a, b.abs()), grid=(0, 1, 2), reach=(0.5, 3), grads=1)
case("tf.where", [small, small, small], lambda a, b, c: torch.where(c > 0, a, b), grads=2)
case("tf.addN", [small, small, small], lambda a, b, c: a + b + c)
case("tf.greaterEqual", [(3, 4), (3, 4)], lambda a, b: (a >= b).double())
case("tf.stack", [(3, 2), (3, 2)], lambda a, b: torch.stack([a, b], 1))
case("tf.broadcastTo", [(3, 1, 2)], lambda x: x.expand(2, 3, 4, 2))
matrices = [("", (3, 2, 3), (3, 3, 2)), (" of one matrix", (2, 3), (3, 3, 2)), (" by one matrix", (3, 2, 3), (1, 3, 2))]
for name, a, b in matrices:
    for ta in (False, True):
        for tb in (False, True):

            def turned(shape, turn):
                return (*shape[:-2], shape[-1], shape[-2]) if turn else shape

            def product(x, y, ta=ta, tb=tb):
                return (x.mT if ta else x) @ (y.mT if tb else y)

            how = f"{', a turned' if ta else ''}{', b turned' if tb else ''}"
            case(f"tf.matMul{name}{how}", [turned(a, ta), turned(b, tb)], product)


def segments(x):
    return torch.zeros(4, *x.shape[1:], dtype=x.dtype).index_add(0, torch.tensor([2, 0, 2, 3, 0]), x[:5])


case("tf.unsortedSegmentSum", [(6, 3)], segments)
case("tf.batchNorm", [small, (2,), (2,), (2,), (2,)], norm(False))
case("tf.conv2d", [(3, 5, 5, 2), kernel], conv(same, stride=2))
case("tf.depthwiseConv2d", [(3, 5, 5, 2), (3, 3, 2, 2)], lambda x, k: conv(same, stride=2, groups=2)(x, k.reshape(3, 3, 1, 4)))
case("tf.fused.conv2d", [(3, 5, 5, 2), kernel, bias], conv(same, stride=2))
case("tf.fused.depthwiseConv2d", [(3, 4, 4, 4), (3, 3, 4, 1), bias], lambda x, k, b: conv(same, groups=4)(x, k.reshape(3, 3, 1, 4), b))
case("tf.fused.matMul", [(3, 5), (5, 4), (4,)], lambda x, k, b: x @ k + b)
case("tf.conv2dTranspose", [(3, 2, 3, 2), (3, 3, 4, 2)], lambda x, k: last(F.conv_transpose2d(first(x), k.permute(3, 2, 0, 1), stride=2)))
case("tf.maxPool", [(3, 5, 5, 2)], maximal(3, 2, same), grid=(-1, 0, 0))
case("tf.avgPool", [(3, 5, 5, 2)], average(3, 2, same))
for align in (False, True):
    corners = ", corners aligned" if align else ""
    case(
        f"tf.image.resizeBilinear{corners}",
        [(3, 3, 4, 2)],
        lambda x, align=align: last(F.interpolate(first(x), (5, 7), mode="bilinear", align_corners=align)),
    )
case("tf.image.resizeNearestNeighbor", [(3, 3, 4, 2)], lambda x: last(F.interpolate(first(x), (5, 7), mode="nearest-exact")))
case("tf.losses.softmaxCrossEntropy", [(3, 5), (3, 5)], lambda x, y: F.cross_entropy(x, F.softmax(y, -1)), grads=1)
case("tf.losses.sigmoidCrossEntropy", [(3, 5), (3, 5)], lambda x, y: F.binary_cross_entropy_with_logits(x, torch.sigmoid(y)), grads=1)
case("tf.losses.huberLoss", [(3, 5), (3, 5)], lambda x, y: F.huber_loss(x, y))
case("tf.losses.meanSquaredError", [(3, 5), (3, 5)], lambda x, y: F.mse_loss(x, y))


def layer_norm(x, *affine):
    """Without ties: what is normalized by a deviation of 0 has a gradient of up to 1 / sqrt(eps)."""
    gamma, beta = affine if len(affine) == 2 else (None, None)
    return F.layer_norm(x, x.shape[-1:], gamma, beta, 1e-3)


def response_norm(x, gamma, beta):
    """GlobalResponseNorm of timm, with eps 1e-3."""
    size = x.norm(p=2, dim=(1, 2), keepdim=True)
    return x + torch.addcmul(beta, gamma, x * size / (size.mean(-1, keepdim=True) + 1e-3))


def transposed(stride=1, dilation=1, groups=1, pads=(0, 0, 0, 0), more=0):
    """The kernel is [h, w, in / groups, out]; torch's is [in, out / groups, h, w]. Sides beyond the first pad are cut off."""

    def run(x, k, b=None):
        h, w, i, o = k.shape
        weight = k.reshape(h, w, i, groups, o // groups).permute(3, 2, 4, 0, 1).reshape(groups * i, o // groups, h, w)
        y = F.conv_transpose2d(first(x), weight, b, stride, 0, 0, groups, dilation)
        y = F.pad(y, (0, more, 0, more), value=0.0) if b is None else y
        top, right, bottom, left = pads
        return last(y[..., top : y.shape[2] - bottom, left : y.shape[3] - right])

    return run


def resize(size, mode, align=None):
    return lambda x: last(F.interpolate(first(x), size, mode=mode, align_corners=align))


case("layerNorm", [(3, 2, 2, 5), (5,), (5,)], layer_norm)
case("layerNorm of vectors", [(3, 5), (5,), (5,)], layer_norm)
case("layerNorm without scale and offset", [(3, 2, 2, 5)], layer_norm)
case("responseNorm", [(3, 2, 3, 4), (4,), (4,)], response_norm)
case("scale", [(3, 2, 2, 4), (4,)], torch.mul)
case("scale of vectors", [(3, 4), (4,)], torch.mul)
case("convTranspose", [(3, 2, 3, 2), (3, 3, 2, 4), (4,)], transposed(pads=(1, 1, 1, 1)))
case("convTranspose, stride 2", [(3, 2, 3, 2), (2, 2, 2, 4), (4,)], transposed(stride=2))
case("convTranspose, stride 2, overlapping", [(3, 2, 3, 2), (3, 3, 2, 4)], transposed(stride=2, pads=(1, 1, 1, 1), more=1))
case("convTranspose, grouped and dilated", [(3, 2, 2, 4), (2, 2, 2, 4)], transposed(stride=2, dilation=2, groups=2, pads=(1, 1, 0, 0)))
case("convTranspose, depthwise", [(3, 3, 2, 4), (4, 4, 1, 4), (4,)], transposed(stride=2, groups=4, pads=(1, 1, 1, 1)))
case("pixelShuffle", [(3, 2, 3, 8)], lambda x: last(F.pixel_shuffle(first(x), 2)))
case("resize", [(3, 3, 4, 2)], resize((5, 6), "bilinear", False))
case("resize, corners aligned", [(3, 3, 4, 2)], resize((5, 6), "bilinear", True))
case("resize to less", [(3, 5, 6, 2)], resize((3, 4), "bilinear", False))
case("resize, nearest", [(3, 3, 4, 2)], resize((5, 6), "nearest"))
case("resize, nearest by centres", [(3, 3, 4, 2)], resize((5, 6), "nearest-exact"))


def attention(heads, scale=0.7, windows=None, grid=None, shared=False, talking=False):
    """Scores by softmax; q, k and v lie channels last; a table [rows, columns, heads] of distances is the fourth input. Heads
    that talk have a kernel [2, heads, heads] before it and an offset [2, heads] after it."""

    def run(q, k, v, *rest):
        kernel, table, offset = rest if talking else (None, rest[0] if rest else None, None)
        b, h, w, _ = q.shape

        def tokens(x, n):
            x = x.reshape(b, x.shape[1], x.shape[2], n, -1)
            if windows or grid:
                (s, t), d = windows or grid, x.shape[-1]
                split = x.reshape(b, h // s, s, w // t, t, n, d)
                x = split.permute(0, 1, 3, 5, 2, 4, 6) if windows else split.permute(0, 2, 4, 5, 1, 3, 6)
                return x.reshape(b, -1, n, x.shape[4] * x.shape[5], d)
            return x.reshape(b, -1, n, x.shape[-1]).transpose(1, 2)

        n = 1 if shared else heads
        scores = scale * tokens(q, heads) @ tokens(k, n).transpose(-1, -2)
        if table is not None:
            rows, columns = windows or k.shape[1:3]
            stride = (1, 1) if windows else (-(-k.shape[1] // h), -(-k.shape[2] // w))
            at = [(y, x) for y in range(rows) for x in range(columns)]
            of = at if windows else [(y * stride[0], x * stride[1]) for y in range(h) for x in range(w)]
            index = torch.tensor([[abs(y - i) * columns + abs(x - j) for i, j in at] for y, x in of])
            scores = scores + table.reshape(-1, heads)[index].permute(2, 0, 1)
        mixed = lambda x, i: torch.einsum("bhqk,hg->bgqk", x, kernel[i]) + offset[i][:, None, None] if talking else x
        y = mixed(mixed(scores, 0).softmax(-1), 1) @ tokens(v, n)
        if windows:
            s, t = windows
            y = y.reshape(b, h // s, w // t, heads, s, t, -1).permute(0, 1, 4, 2, 5, 3, 6)
        elif grid:
            s, t = grid
            y = y.reshape(b, s, t, heads, h // s, w // t, -1).permute(0, 4, 1, 5, 2, 3, 6)
        else:
            y = y.transpose(1, 2)
        return y.reshape(b, h, w, -1)

    return run


def separable_attention(heads, grid=None):
    def run(q, k, v):
        b, h, w, _ = q.shape
        s, t = grid or (1, 1)

        def tokens(x):  # [b, row in a patch, column in a patch, heads, patches, d]
            x = x.reshape(b, h // s, s, w // t, t, heads, -1).permute(0, 2, 4, 5, 1, 3, 6)
            return x.reshape(b, s, t, heads, -1, x.shape[-1])

        y = tokens(v) * (tokens(q).softmax(4) * tokens(k)).sum(4, keepdim=True)
        return y.reshape(b, s, t, heads, h // s, w // t, -1).permute(0, 4, 1, 5, 2, 3, 6).reshape(b, h, w, -1)

    return run


def covariance_attention(heads):
    """Of channels by channels, q and k normalized over places."""

    def run(q, k, v, gamma):
        q_, k_, v_ = (x.reshape(x.shape[0], -1, heads, x.shape[3] // heads).permute(0, 2, 3, 1) for x in (q, k, v))
        scores = F.normalize(q_, dim=-1) @ F.normalize(k_, dim=-1).transpose(-1, -2) * gamma[:, None, None]
        return (scores.softmax(-1) @ v_).permute(0, 3, 1, 2).reshape(q.shape)

    return run


def positions(features, temperature):
    def run(x, kernel, bias):
        _, h, w, _ = x.shape
        n = features // 2
        steps = temperature ** (2 * torch.div(torch.arange(n), 2, rounding_mode="floor") / n)

        def along(size):
            angles = (torch.arange(1, size + 1) / (size + 1e-6) * 2 * torch.pi)[:, None] / steps
            return torch.stack((angles[:, 0::2].sin(), angles[:, 1::2].cos()), dim=2).flatten(1)

        parts = along(h)[:, None].expand(h, w, n), along(w)[None].expand(h, w, n)
        return x + torch.cat(parts, -1).to(x.dtype) @ kernel + bias

    return run


def group_norm(groups):
    def run(x, *affine):
        gamma, beta = affine if len(affine) == 2 else (None, None)
        return F.group_norm(x.movedim(-1, 1), groups, gamma, beta, 1e-3).movedim(1, -1)

    return run


def linear_attention(heads):
    def run(q, k, v):
        parts = [x.reshape(x.shape[0], -1, heads, x.shape[3] // heads).transpose(1, 2) for x in (q, k, v)]
        q_, k_, v_ = F.relu(parts[0]), F.relu(parts[1]), parts[2]
        y = q_ @ (k_.transpose(-1, -2) @ v_) / (q_ @ k_.sum(2, keepdim=True).transpose(-1, -2) + 0.5)
        return y.transpose(1, 2).reshape(*q.shape[:3], -1)

    return run


case("attention", [(3, 2, 3, 4), (3, 2, 3, 4), (3, 2, 3, 6)], attention(2))
case("attention of shared keys, fewer", [(3, 2, 3, 4), (3, 1, 2, 2), (3, 1, 2, 3)], attention(2, shared=True))
case("attention with a bias", [(3, 2, 3, 4), (3, 2, 3, 4), (3, 2, 3, 2), (2, 3, 2)], attention(2))
case("attention with a bias, strided", [(3, 2, 2, 4), (3, 3, 4, 4), (3, 3, 4, 2), (3, 4, 2)], attention(2))
case("attention in windows with a bias", [(3, 4, 2, 4), (3, 4, 2, 4), (3, 4, 2, 2), (2, 1, 2)], attention(2, windows=(2, 1)))
case("attention in a grid", [(3, 4, 2, 4), (3, 4, 2, 4), (3, 4, 2, 2)], attention(2, grid=(2, 1)))
case("linear attention", [(3, 2, 3, 4), (3, 2, 3, 4), (3, 2, 3, 6)], linear_attention(2))
case("groupNorm", [(3, 2, 3, 4), (4,), (4,)], group_norm(1))
case("groupNorm of two groups", [(3, 2, 2, 4), (4,), (4,)], group_norm(2))
case("groupNorm of two groups, without scale and offset", [(3, 2, 2, 4)], group_norm(2))
case("separable attention", [(3, 2, 3, 1), (3, 2, 3, 4), (3, 2, 3, 4)], separable_attention(1))
case("separable attention in a grid", [(3, 4, 2, 2), (3, 4, 2, 4), (3, 4, 2, 4)], separable_attention(2, grid=(2, 1)))
case("attention over channels", [(3, 2, 3, 4), (3, 2, 3, 4), (3, 2, 3, 4), (2,)], covariance_attention(2))
case("attention over channels, fewer in q", [(3, 2, 3, 2), (3, 2, 3, 6), (3, 2, 3, 6), (2,)], covariance_attention(2))
case("positions", [(3, 2, 3, 4), (8, 4), (4,)], positions(8, 100))
case(
    "attention with talking heads",
    [(3, 2, 2, 4), (3, 2, 3, 4), (3, 2, 3, 6), (2, 2, 2), (2, 3, 2), (2, 2)],
    attention(2, talking=True),
)
case("pad", [(3, 3, 4, 2)], lambda x: F.pad(x, (0, 0, -1, 2, 1, 0)))

with open(sys.argv[1], "w") as file:
    json.dump({"torch": torch.__version__.split("+")[0], "cases": cases}, file, separators=(",", ":"))
    file.write("\n")
