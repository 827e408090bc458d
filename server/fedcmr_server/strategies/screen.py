"""Updates that are much longer or shorter than the others' are set aside before the merge."""

from collections.abc import Sequence

import numpy as np

from fedcmr.types import DoubleArray, FloatArray
from fedcmr_server.strategies.columns import blocks
from fedcmr_server.strategies.strategy import Update

FEWEST = 3
"""With two lengths nobody can say which one is wrong."""


def outside(updates: Sequence[Update], weights: FloatArray, factor: float) -> dict[str, str]:
    """Return who is outside the band, with the reason.

    The length of an update is |w_i - w|. The band is median / factor .. median * factor over all
    updates: hostile sites in the minority cannot move the median beyond an honest length. With
    fewer than three updates nobody is outside.

    Args:
        updates: of one round; finite.
        weights: that the sites started from, (P,).
        factor: above 1. The length grows with the steps a site takes, so sites of very different
            size need a wide band: 10 lets pass all but gross errors.
    """
    if len(updates) < FEWEST:
        return {}
    lengths = step_lengths(updates, weights)
    middle = float(np.median(lengths))
    return {
        update.name: f"the update is {length:.3g} long, the median of the sites {middle:.3g}: "
        f"outside the norm band of {factor:g}"
        for update, length in zip(updates, lengths.tolist(), strict=True)
        if not middle / factor <= length <= middle * factor
    }


def step_lengths(updates: Sequence[Update], weights: FloatArray) -> DoubleArray:
    """Return |w_i - w| of every update, (n,)."""
    squared: DoubleArray = np.zeros(len(updates))
    for part in blocks(weights.size):
        start = weights[part].astype(np.float64)
        for i, update in enumerate(updates):
            step = update.columns(part) - start
            squared[i] += step @ step
    lengths: DoubleArray = np.sqrt(squared)
    return lengths
