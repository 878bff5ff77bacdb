"""Numbers that both sides make by one formula, without PyTorch: those of fill.py."""

import numpy as np


def uniform(k, n):
    """u(k, 0 .. n - 1)"""
    with np.errstate(over="ignore"):
        h = np.uint32(k % 2**32) * np.uint32(0x9E3779B1) + np.arange(n, dtype=np.uint32) * np.uint32(0x85EBCA77)
        h ^= h >> np.uint32(15)
        h *= np.uint32(0x2C1B3C6D)
        h ^= h >> np.uint32(12)
        h *= np.uint32(0x297A2D39)
        h ^= h >> np.uint32(15)
    return h.astype(np.float64) / 2.0**32
