"""Coordinate-wise median (Yin et al. 2018, arXiv:1803.01498, definition 1)."""

from collections.abc import Sequence

import numpy as np

from fedcmr.types import FloatArray
from fedcmr_server.strategies.columns import blocks, stacked
from fedcmr_server.strategies.strategy import Merged, Stateless, Update


class Median(Stateless):
    """Every weight becomes the median of the sites' values of it.

    Every site counts the same, whatever its examples: they are what a site says of itself.
    """

    def merge(self, weights: FloatArray, updates: Sequence[Update], set_aside: int = 0) -> Merged:
        """Return the coordinate-wise median of the updates."""
        merged = np.empty_like(weights)
        for part in blocks(weights.size):
            merged[part] = np.median(stacked(updates, part), axis=0)
        return Merged(merged)
