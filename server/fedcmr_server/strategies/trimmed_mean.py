"""Coordinate-wise trimmed mean (Yin et al. 2018, arXiv:1803.01498, definition 2)."""

from collections.abc import Sequence

import numpy as np

from fedcmr.types import FloatArray
from fedcmr_server.strategies.columns import blocks, stacked
from fedcmr_server.strategies.enough import withstood
from fedcmr_server.strategies.strategy import Merged, Stateless, Update


class TrimmedMean(Stateless):
    """Every weight becomes the mean of the sites' values without the f smallest and f largest.

    Every site counts the same, whatever its examples: they are what a site says of itself.
    """

    def __init__(self, byzantine: int) -> None:
        self._byzantine = byzantine

    def merge(self, weights: FloatArray, updates: Sequence[Update], set_aside: int = 0) -> Merged:
        """Return the coordinate-wise trimmed mean of the updates."""
        f = withstood("trimmed_mean", self._byzantine, len(updates), set_aside)
        kept = slice(f, len(updates) - f)
        merged = np.empty_like(weights)
        for part in blocks(weights.size):
            ordered = np.sort(stacked(updates, part), axis=0)
            merged[part] = ordered[kept].mean(axis=0, dtype=np.float64)
        return Merged(merged)
