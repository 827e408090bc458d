"""All updates, a block of columns at a time: what keeps the memory of a merge small."""

from collections.abc import Iterator, Sequence

import numpy as np

from fedcmr.types import DoubleArray, FloatArray
from fedcmr_server.strategies.strategy import Update

COLUMNS = 2**16
"""Entries of the weight vector at once: 50 updates take 26 MB in double precision."""


def blocks(size: int) -> Iterator[slice]:
    """Cut 0..size into consecutive slices of at most COLUMNS entries."""
    for start in range(0, size, COLUMNS):
        yield slice(start, min(start + COLUMNS, size))


def stacked(updates: Sequence[Update], part: slice) -> FloatArray:
    """Return the entries `part` of every update, one update per row: (n, columns)."""
    return np.stack([update.columns(part) for update in updates])


def weighted_mean(updates: Sequence[Update], part: slice) -> DoubleArray:
    """Return the mean of the entries `part`, weighted by examples: (columns,)."""
    total: DoubleArray = np.zeros(part.stop - part.start)
    product = np.empty_like(total)
    for update in updates:
        total += np.multiply(update.columns(part), update.examples, product, dtype=np.float64)
    total /= sum(update.examples for update in updates)
    return total
