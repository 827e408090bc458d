"""What a reader can compute from published totals, by elimination with exact fractions."""

from collections.abc import Iterable, Sequence
from fractions import Fraction


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


def _without(row: list[Fraction], pivot: list[Fraction], column: int) -> list[Fraction]:
    factor = row[column] / pivot[column]
    return [value - factor * part for value, part in zip(row, pivot, strict=True)]
