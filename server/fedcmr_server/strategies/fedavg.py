"""FedAvg (McMahan et al. 2017, arXiv:1602.05629), equation of algorithm 1."""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from fedcmr.types import FloatArray
from fedcmr_server.strategies.columns import blocks, weighted_mean
from fedcmr_server.strategies.strategy import Merged, Stateless, Update

THREADS = 2
"""numpy lets others work while it reads and adds; the sites have nothing to do meanwhile."""


UNHELD = 3
"""References to an array that only a list, a loop and the question for them know."""


class FedAvg(Stateless):
    """w <- sum_i (n_i / n) w_i over the examples n_i.

    FedProx (Li et al. 2020, arXiv:1812.06127) and FedBN (Li et al. 2021, arXiv:2102.07623) merge
    in the same way; they differ in what a site does.
    """

    def __init__(self) -> None:
        self._buffers: list[FloatArray] = []

    def merge(self, weights: FloatArray, updates: Sequence[Update], set_aside: int = 0) -> Merged:
        """Return the mean of the updates, weighted by their examples."""
        merged = self._buffer(weights)

        def merge(part: slice) -> None:
            merged[part] = weighted_mean(updates, part)

        with ThreadPoolExecutor(THREADS) as pool:
            for _ in pool.map(merge, blocks(weights.size)):
                pass
        return Merged(merged)

    def _buffer(self, weights: FloatArray) -> FloatArray:
        """Return an array that nobody holds: new pages of memory cost more than the merge."""
        for buffer in self._buffers:
            if buffer.shape == weights.shape and sys.getrefcount(buffer) <= UNHELD:
                return buffer[:]
        self._buffers.append(np.empty_like(weights))
        return self._buffers[-1][:]
