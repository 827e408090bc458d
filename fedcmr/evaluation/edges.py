"""Where the bins of score histograms begin and end.

Edges are the inner ones, rising, between 0 and 1: `edges` of length b - 1 make b bins, bin k
holding the scores in [edge k - 1, edge k), the last one 1.0 as well.
"""

import math
from collections.abc import Sequence

import numpy as np

from fedcmr.config import EvaluationSettings
from fedcmr.types import DoubleArray

Edges = tuple[float, ...]

WIDEST_BOUND = 0.01
"""An AUC is known well enough when its bound is not above this."""

QUANTILES = 128
"""Bins that a second pass adds, where the classes overlap. Pairs in one bin are what an AUC does
not know; with p and q the parts of either class in a bin, sum p q is least where every bin has the
same sqrt(p q), and then sum p q / 2 <= 1 / 256, if scores inside a bin are spread evenly."""

SMALLEST_SCORE = 1e-7
"""Quantiles are looked for on the logit scale; its ends are clipped here."""


def standard_edges(settings: EvaluationSettings) -> Edges:
    """Return the edges of equal bins, and the published threshold as one more edge."""
    equal = {k / settings.bins for k in range(1, settings.bins)}
    return tuple(sorted(equal | {settings.published_threshold}))


def coarse_edges(edges: Sequence[float], most_bins: int) -> Edges:
    """Return a part of the edges that makes at most so many bins.

    Those at multiples of 1 / m, m the largest power of two that is allowed: what two sites keep
    is then always nested.
    """
    parts = 2 ** int(math.log2(most_bins))
    return tuple(edge for edge in edges if (edge * parts).is_integer())


def quantile_edges(
    edges: Edges, positive: DoubleArray, negative: DoubleArray, quantiles: int = QUANTILES
) -> Edges:
    """Return inner edges of that many bins between which the classes overlap alike.

    Args:
        edges: of the counts.
        positive: counts (bins,).
        negative: counts (bins,).
        quantiles: bins, of equal parts of sqrt(positive * negative). None where no bin has both.
    """
    overlap = np.sqrt(positive * negative)
    if not overlap.any():
        return ()
    grid = np.array([SMALLEST_SCORE, *edges, 1 - SMALLEST_SCORE])
    reached = np.concatenate(([0.0], np.cumsum(overlap / overlap.sum())))
    logits = np.log(grid / (1 - grid))
    # Where bins are empty `reached` stands still; a little slope keeps the inverse defined.
    rising = reached + np.arange(len(reached)) * 1e-12
    wanted = np.arange(1, quantiles) / quantiles
    found = 1 / (1 + np.exp(-np.interp(wanted, rising, logits)))
    return tuple(sorted({*np.clip(found, SMALLEST_SCORE, 1 - SMALLEST_SCORE).tolist()}))
