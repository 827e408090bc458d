"""Which results may be printed, so that no small group shows, nor can be computed from the rest.

Results are printed for all cases, for each row and for each column of a table of counts (rows:
sites, columns: levels of a stratification). A group is small when a class has fewer cases than
the minimum. Small groups are withheld; then larger ones as well, as long as subtracting printed
groups from one another would give a small one: the withheld group itself, one cell of the table,
or what a printed group leaves beside the printed groups inside it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Cell = tuple[str, tuple[str, ...]]
"""A site and a level."""

Counts = tuple[int, int]
"""Cases of class 1 and of class 0."""


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
    margins = _margins([cell for cell, counts in table.items() if sum(counts)])
    shown = {name for name, group in margins.items() if _is_large(group, table, minimum)}
    while (reason := _first_leak(margins, shown, table, minimum)) is not None:
        # The smallest group that the leak needs costs the reader least.
        shown.remove(min(reason, key=lambda name: (_size(margins[name], table), name)))
    return Printable(
        total=("total",) in shown,
        sites=frozenset(name[1] for name in shown if name[0] == "site"),
        levels=frozenset(name[1:] for name in shown if name[0] == "level"),
    )


Name = tuple[str, ...]
Group = frozenset[Cell]


def _margins(cells: list[Cell]) -> dict[Name, Group]:
    margins: dict[Name, Group] = {("total",): frozenset(cells)}
    for site, level in cells:
        for name in (("site", site), ("level", *level)):
            margins[name] = margins.get(name, frozenset()) | {(site, level)}
    return margins


def _first_leak(
    margins: Mapping[Name, Group], shown: set[Name], table: Mapping[Cell, Counts], minimum: int
) -> set[Name] | None:
    """Return the printed groups whose combination gives a small group, or None."""
    if not shown:
        return None
    small = [g for g in _candidates(margins, shown) if g and not _is_large(g, table, minimum)]
    if not small:
        return None
    cells, names = sorted(margins[("total",)]), sorted(shown)
    printed = _indicators([margins[name] for name in names], cells).T
    wanted = _indicators(small, cells).T
    weights = np.linalg.lstsq(printed, wanted, rcond=None)[0]
    leaks = np.flatnonzero(np.abs(printed @ weights - wanted).max(axis=0) < 1e-6)
    if not len(leaks):
        return None
    of_first = np.abs(weights[:, leaks[0]])
    used = {name for name, weight in zip(names, of_first, strict=True) if weight > 1e-6}
    return used - {("total",)} or used


def _candidates(margins: Mapping[Name, Group], shown: set[Name]) -> Iterator[Group]:
    """Give every group that a reader could hope to compute."""
    yield from (margins[name] for name in sorted(margins))
    yield from (frozenset({cell}) for cell in sorted(margins[("total",)]))
    for name in sorted(shown):
        for kind in ("site", "level"):
            inside = [
                margins[other]
                for other in shown
                if other[0] == kind and other != name and margins[other] <= margins[name]
            ]
            if inside:
                yield margins[name].difference(*inside)


def _is_large(group: Group, table: Mapping[Cell, Counts], minimum: int) -> bool:
    return all(sum(table[cell][label] for cell in group) >= minimum for label in (0, 1))


def _size(group: Group, table: Mapping[Cell, Counts]) -> int:
    return sum(sum(table[cell]) for cell in group)


def _indicators(groups: list[Group], cells: list[Cell]) -> NDArray[np.float64]:
    """Return membership (groups, cells) as 0 and 1."""
    return np.array([[cell in group for cell in cells] for group in groups], dtype=np.float64)
