"""Weights and inputs that both sides make by one formula; test/support/reference-fill.ts is the other side.

Tensor k of a net (counted in the order of our graphs: layer by layer; kernel, bias; or gamma, beta, mean, variance) has
at flat index i, kernels laid out as [kh, kw, in / groups, out], a number made of u(k, i) in [0, 1), a hash of 32 bits.
"""

import numpy as np
import torch
from torch import nn

from uniform import uniform


def slot(name, k, shape):
    n = int(np.prod(shape))
    u = uniform(k, n)
    values = {
        "kernel": lambda: np.sqrt(3 / (n / shape[-1])) * (2 * u - 1),
        "bias": lambda: 0.2 * (2 * u - 1),
        "gamma": lambda: 0.5 + u,
        "beta": lambda: 0.4 * (2 * u - 1),
        "mean": lambda: 0.2 * (2 * u - 1),
        "variance": lambda: 0.5 + u,
    }[name]()
    return values.astype(np.float32).reshape(shape)


def images(batch, size, channels=3):
    """[batch, channels, size, size], from numbers laid out as [batch, size, size, channels]"""
    u = uniform(2**31, batch * size * size * channels)
    x = (2 * u - 1).astype(np.float32).reshape(batch, size, size, channels)
    return torch.from_numpy(x.transpose(0, 3, 1, 2).copy())


def put(parameter, values):
    parameter.data.copy_(torch.from_numpy(np.ascontiguousarray(values)))


def fill(layers):
    """Fill layers in this order. Returns how many tensors there were, and a sum that the other side compares."""
    k, check = 0, 0
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            o, i, h, w = layer.weight.shape
            put(layer.weight, slot("kernel", k, (h, w, i, o)).transpose(3, 2, 0, 1))
            tensors = [layer.weight]
        elif isinstance(layer, nn.Linear):
            o, i = layer.weight.shape
            put(layer.weight, slot("kernel", k, (i, o)).T)
            tensors = [layer.weight]
        else:
            c = layer.num_features
            put(layer.weight, slot("gamma", k, (c,)))
            put(layer.bias, slot("beta", k + 1, (c,)))
            put(layer.running_mean, slot("mean", k + 2, (c,)))
            put(layer.running_var, slot("variance", k + 3, (c,)))
            tensors = [layer.weight, layer.bias, layer.running_mean, layer.running_var]
        if not isinstance(layer, nn.BatchNorm2d) and layer.bias is not None:
            put(layer.bias, slot("bias", k + 1, tuple(layer.bias.shape)))
            tensors.append(layer.bias)
        for tensor in tensors:
            check = (check + (k + 1) * tensor.numel()) % 2**31
            k += 1
    return k, check
