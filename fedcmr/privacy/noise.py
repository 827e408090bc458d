"""Chance that nobody outside can repeat: who is in a step, and the noise on its sum."""

import math
import os

import numpy as np
import torch
from torch import Tensor

from fedcmr.types import DoubleArray

SUMMANDS = 4
"""Gaussians in one secure one, scaled: from their sum the low bits of any of them cannot be told
(Holohan & Braghin, ESORICS 2021), which breaks the attack on floating-point noise."""
AT_ONCE = 2**18
"""Numbers drawn at once; bounds memory."""


class Chance:
    """Poisson draws and Gaussian noise.

    Neither depends on an experiment's seed, which the coordinator knows.

    Args:
        secure: every number from the operating system's cryptographic generator. Otherwise from
            NumPy's, started with 128 bits of that one: faster, but not made to resist somebody who
            sees a part of the numbers. Not PyTorch's: on a CPU it uses 32 bits of a seed, which
            can all be tried.
    """

    def __init__(self, *, secure: bool) -> None:
        self._secure = secure
        self._generator = np.random.default_rng()

    def chosen(self, count: int, rate: float) -> Tensor:
        """Return the indices (K,) of those drawn from `count`, each with probability `rate`."""
        uniform = _uniform(count) if self._secure else self._generator.random(count)
        return torch.from_numpy(uniform < rate).nonzero().flatten()

    def normal(self, like: Tensor) -> Tensor:
        """Return independent standard normal numbers of the shape, type and device of `like`."""
        source = _normal if self._secure else self._generator.standard_normal
        drawn = torch.empty(like.numel(), dtype=like.dtype)
        for part in drawn.split(AT_ONCE):
            part.copy_(torch.from_numpy(source(len(part))))
        return drawn.view(like.shape).to(like.device)


def _uniform(count: int) -> DoubleArray:
    """Return uniform numbers in [0, 1) with 53 random bits, (count,)."""
    words = np.frombuffer(os.urandom(8 * count), np.uint64)
    uniform: DoubleArray = np.ldexp((words >> np.uint64(11)).astype(np.float64), -53)
    return uniform


def _normal(count: int) -> DoubleArray:
    """Return standard normal numbers by Box and Muller (1958), (count,), summed as above."""
    pairs = -(-count // 2)
    radius = np.sqrt(-2 * np.log1p(-_uniform(SUMMANDS * pairs)))
    angle = 2 * math.pi * _uniform(SUMMANDS * pairs)
    both = np.concatenate((radius * np.cos(angle), radius * np.sin(angle)))
    total = both.reshape(2, SUMMANDS, pairs).sum(1).ravel()[:count]
    scaled: DoubleArray = total * SUMMANDS**-0.5
    return scaled
