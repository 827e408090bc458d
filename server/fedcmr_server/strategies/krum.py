"""Krum and multi-Krum (Blanchard et al., NeurIPS 2017, arXiv:1703.02757)."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from fedcmr.types import DoubleArray, FloatArray
from fedcmr_server.strategies.columns import blocks, stacked
from fedcmr_server.strategies.enough import withstood
from fedcmr_server.strategies.strategy import Merged, Stateless, Update


class Krum(Stateless):
    """Takes the updates that lie closest to their neighbours.

    Score s(i) = sum of the n - f - 2 smallest |w_i - w_j|^2. Krum takes the one update of the
    lowest score, multi-Krum the plain mean of the n - f lowest. Every site counts the same,
    whatever its examples: they are what a site says of itself. (Flower's MultiKrum weighs the
    chosen by their examples.)
    """

    def __init__(self, strategy: Literal["krum", "multi_krum"], byzantine: int) -> None:
        self._strategy: Literal["krum", "multi_krum"] = strategy
        self._byzantine = byzantine

    def merge(self, weights: FloatArray, updates: Sequence[Update], set_aside: int = 0) -> Merged:
        """Return the chosen update, or the mean of the chosen; of equals the first by name."""
        f = withstood(self._strategy, self._byzantine, len(updates), set_aside)
        scores = krum_scores(squared_distances(weights, updates), f)
        count = 1 if self._strategy == "krum" else len(updates) - f
        chosen = set(np.argsort(scores, kind="stable")[:count].tolist())
        kept = [update for i, update in enumerate(updates) if i in chosen]
        merged = np.empty_like(weights)
        for part in blocks(weights.size):
            merged[part] = stacked(kept, part).mean(axis=0, dtype=np.float64)
        unused = tuple(update.name for i, update in enumerate(updates) if i not in chosen)
        return Merged(merged, unused)


def squared_distances(weights: FloatArray, updates: Sequence[Update]) -> DoubleArray:
    """Return |w_i - w_j|^2 of every pair, (n, n).

    By |a - b|^2 = |a|^2 + |b|^2 - 2 a b of the steps w_i - w, in double precision: the weights
    themselves are so much longer than their differences that single precision loses them.
    """
    products: DoubleArray = np.zeros((len(updates), len(updates)))
    for part in blocks(weights.size):
        steps = stacked(updates, part).astype(np.float64) - weights[part]
        products += steps @ steps.T
    lengths = np.diagonal(products)
    distances: DoubleArray = np.maximum(lengths[:, None] + lengths - 2 * products, 0)
    np.fill_diagonal(distances, 0)
    return distances


def krum_scores(distances: DoubleArray, byzantine: int) -> DoubleArray:
    """Return the sum of each row's n - f - 2 smallest squared distances to others, (n,)."""
    neighbours = len(distances) - byzantine - 2
    others = distances + np.diag(np.full(len(distances), np.inf))
    scores: DoubleArray = np.sort(others, axis=1)[:, :neighbours].sum(axis=1)
    return scores
