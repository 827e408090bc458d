"""Which results may be printed, so that no small group shows, nor can be computed from the rest.

Results are printed for all cases, for each row and for each column of a table of counts (rows:
sites, columns: levels of a stratification). A group is small when a class has fewer cases than
the minimum. Small groups are withheld; then larger ones as well, as long as adding and
subtracting printed groups would give a small one.

What can be computed: a weighted sum of printed groups that is 1 or 0 in every cell. Rows, columns
and the total make a network matrix, which is totally unimodular (Schrijver, Theory of Linear and
Integer Programming, 19.3): the weights can be whole numbers, and cut at every whole number they
give disjoint sums with weights of -1, 0 and 1. These have one shape: the cells of some rows less
those of some columns that lie wholly inside these rows, with the withheld rows taken together on
one side, and so the withheld columns. For given rows, the most columns leave the smallest group,
so that looking at every choice of rows finds every leak.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Cell = tuple[str, tuple[str, ...]]
"""A site and a level."""

Counts = tuple[int, int]
"""Cases of class 1 and of class 0."""

MOST_ROWS = 10
"""With more printed sites and more printed levels than this, results by site are withheld: every
choice of the fewer ones is looked at."""


@dataclass(frozen=True)
class Printable:
    """What of a table may be printed."""

    total: bool
    sites: frozenset[str]
    levels: frozenset[tuple[str, ...]]


def printable(table: Mapping[Cell, Counts], minimum: int) -> Printable:
    """Return the groups that may be printed with at least `minimum` cases of each class.

    The structure of the table (which site has which level at all) is taken as known to everyone.
    """
    cells = sorted(cell for cell, counts in table.items() if sum(counts))
    counts = np.array([table[cell] for cell in cells], dtype=np.int64).reshape(-1, 2)
    groups = _groups(cells)
    size = {name: int(counts[inside].sum()) for name, inside in groups.items()}
    shown = {name for name, inside in groups.items() if counts[inside].sum(0).min() >= minimum}
    if min(len(_of(shown, "site")), len(_of(shown, "level"))) > MOST_ROWS:
        shown -= set(_of(shown, "site"))
    while leak := min(
        _leaks(groups, shown, counts, minimum),
        key=lambda used: (len(used), sorted(used)),
        default=None,
    ):
        # The smallest group that the leak needs costs the reader least.
        shown.remove(min(leak - {TOTAL} or leak, key=lambda name: (size[name], name)))
    return Printable(
        total=TOTAL in shown,
        sites=frozenset(name[1] for name in _of(shown, "site")),
        levels=frozenset(name[1:] for name in _of(shown, "level")),
    )


Name = tuple[str, ...]
Mask = NDArray[np.bool_]

TOTAL: Name = ("total",)


def _groups(cells: list[Cell]) -> dict[Name, Mask]:
    """Return which cells (cells,) each group has."""
    groups: dict[Name, Mask] = {TOTAL: np.ones(len(cells), dtype=np.bool_)}
    for index, (site, level) in enumerate(cells):
        for name in (("site", site), ("level", *level)):
            groups.setdefault(name, np.zeros(len(cells), dtype=np.bool_))[index] = True
    return groups


def _of(names: set[Name], kind: str) -> list[Name]:
    return sorted(name for name in names if name[0] == kind)


def _leaks(
    groups: Mapping[Name, Mask], shown: set[Name], counts: NDArray[np.int64], minimum: int
) -> Iterator[set[Name]]:
    """Give sets of printed groups whose combination is a small group."""
    if not len(counts):
        return
    # Rows and columns play the same part: the complement of either turns one into the other.
    rows, columns = sorted((_of(shown, "site"), _of(shown, "level")), key=len)
    in_rows, in_columns = (
        np.array([groups[name] for name in names], dtype=np.bool_).reshape(-1, len(counts))
        for names in (rows, columns)
    )
    withheld_row, withheld_column = ~in_rows.any(0), ~in_columns.any(0)
    chosen = np.array(list(product((False, True), repeat=len(rows))), dtype=np.bool_)
    chosen = chosen.reshape(2 ** len(rows), len(rows))
    for with_row, with_column in product((False, True), repeat=2):
        if with_row != with_column and TOTAL not in shown:
            continue
        added = chosen @ in_rows | (with_row & withheld_row)
        taken = ~(~added @ in_columns.T)
        if with_column:
            possible = ~(~added & withheld_column).any(1)
        else:
            possible = np.ones(len(added), dtype=np.bool_)
        for index in np.flatnonzero(possible):
            available = added[index] & ~(with_column & withheld_column)
            for less in _columns(available, taken[index], in_columns):
                inside = available & ~(less @ in_columns)
                if inside.any() and counts[inside].sum(0).min() < minimum:
                    used = {rows[i] for i in np.flatnonzero(chosen[index] != with_row)}
                    used |= {columns[i] for i in np.flatnonzero(less != with_column)}
                    yield used | ({TOTAL} if with_row != with_column else set())


def _columns(available: Mask, taken: Mask, in_columns: Mask) -> Iterator[Mask]:
    """Give the columns to take off: all that may be, or all but one where that leaves nothing."""
    if (available & ~(taken @ in_columns)).any():
        yield taken
        return
    for index in np.flatnonzero(taken):
        yield taken & (np.arange(len(taken)) != index)
