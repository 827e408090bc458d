"""What a reader can compute from published totals, by elimination with exact fractions."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import product


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


def differences(published: Sequence[Sequence[int]]) -> set[tuple[int, ...]]:
    """Every set of cells (0 or 1 each) that adding and subtracting published sums can give."""
    sums = (
        tuple(
            sum(sign * row[cell] for sign, row in zip(signs, published, strict=True))
            for cell in range(len(published[0]))
        )
        for signs in product((-1, 0, 1), repeat=len(published))
    )
    return {cells for cells in sums if set(cells) <= {0, 1} and any(cells)}


def _without(row: list[Fraction], pivot: list[Fraction], column: int) -> list[Fraction]:
    factor = row[column] / pivot[column]
    return [value - factor * part for value, part in zip(row, pivot, strict=True)]
