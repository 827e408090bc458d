"""What a reader can compute from published totals: by elimination, and by trying every group."""

from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np


def recoverable(published: Sequence[Iterable[int]], wanted: Iterable[int]) -> bool:
    """Whether a sum over the cells of `wanted` is a linear combination of published sums."""
    rows = [[Fraction(value) for value in row] for row in published]
    target = [Fraction(value) for value in wanted]
    for column in range(len(target)):
        pivot = next((row for row in rows if row[column] != 0), None)
        if pivot is None:
            continue
        rows = [row for row in rows if row is not pivot]
        rows = [_without(row, pivot, column) for row in rows]
        target = _without(target, pivot, column)
    return not any(target)


def computable(published: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """Every set of cells (0 or 1 each, not empty) whose sum follows from published sums.

    Each of the 2^cells sets is projected onto the space of published rows: what stays in place
    is a combination of them, with any weights.
    """
    rows = np.array(published, dtype=np.float64)
    size = rows.shape[1]
    sets = (np.arange(1, 2**size)[:, None] >> np.arange(size)) & 1
    inside = sets @ np.linalg.pinv(rows) @ rows
    return [tuple(row) for row in sets[np.abs(inside - sets).max(1) < 1e-9].tolist()]


def _without(row: list[Fraction], pivot: list[Fraction], column: int) -> list[Fraction]:
    factor = row[column] / pivot[column]
    return [value - factor * part for value, part in zip(row, pivot, strict=True)]
