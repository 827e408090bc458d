"""Which results may be printed, so that no small group shows, nor can be computed from the rest.

Results are printed for all cases, for sites and for levels of views. A group is small when a class
has fewer cases than the minimum, or when it comes from too few sites of which one keeps its
results. Small groups are withheld; then larger ones as well, as long as adding and subtracting
printed groups gives a small one (see `leaks`).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from fedcmr.evaluation.leaks import TOTAL, Cell, Group, Search
from fedcmr.evaluation.strata import VIEWS, Columns, Level
from fedcmr.evaluation.sums import EvaluationSums


@dataclass(frozen=True)
class Printable:
    """What may be printed."""

    total: bool
    sites: frozenset[str]
    levels: frozenset[tuple[Columns, Level]]
    """(view, level)."""


def cells_of(sites: Mapping[str, EvaluationSums]) -> list[Cell]:
    """Return the counts of every table at every site."""
    return [
        Cell(name, stratum.by, stratum.level, (stratum.positives, stratum.negatives))
        for name, sums in sorted(sites.items())
        for stratum in sums.strata[1:]
    ]


def printable(
    cells: Collection[Cell],
    minimum: int,
    *,
    open_sites: Collection[str],
    min_sites: int,
    views: Mapping[Columns, tuple[Columns, ...]] = VIEWS,
) -> Printable:
    """Return the groups that may be printed.

    Args:
        cells: all tables of all sites; every table of a site has the same cases.
        minimum: least cases of each class.
        open_sites: sites that allow results of their own to be printed.
        min_sites: sites that a group must come from unless all of its sites are open.
        views: what is printed of each table.
    """
    members = _members(cells, views)
    private = frozenset(cell.site for cell in cells) - set(open_sites)
    size = {name: sum(sum(cell.counts) for cell in inside) for name, inside in members.items()}
    shown = sorted(
        (
            name
            for name, inside in members.items()
            if _is_large(inside, minimum)
            and not (_few(inside, min_sites) and private & {cell.site for cell in inside})
        ),
        key=repr,
    )
    for support, weight in _checks():
        search = Search([c for c in cells if np.dot(support, c.counts)], views, shown)
        while (leak := search.leak(minimum, weight)) is not None:
            _withhold(leak, shown, size)
    search = Search(list(cells), views, shown)
    most = min_sites - 1
    while private and (
        (leak := search.leak(0, np.ones(2), private=private, most_sites=most)) is not None
    ):
        _withhold(leak, shown, size)
    return Printable(
        total=TOTAL in shown,
        sites=frozenset(str(name[1]) for name in shown if name[0] == "site"),
        levels=frozenset(name for name in shown if isinstance(name[0], tuple)),
    )


def _members(
    cells: Collection[Cell], views: Mapping[Columns, tuple[Columns, ...]]
) -> dict[Group, list[Cell]]:
    """Return the cells of every group; of all cases and of sites, those of one table."""
    members: dict[Group, list[Cell]] = {}
    one = min((cell.table for cell in cells), default=())
    for cell in cells:
        names = cell.groups(views)
        if cell.table == one:
            names = [TOTAL, ("site", cell.site), *names]
        for name in names:
            members.setdefault(name, []).append(cell)
    return members


def _is_large(inside: Collection[Cell], minimum: int) -> bool:
    return all(sum(cell.counts[label] for cell in inside) >= minimum for label in (0, 1))


def _few(inside: Collection[Cell], min_sites: int) -> bool:
    return len({cell.site for cell in inside}) < min_sites


def _checks() -> Iterator[tuple[tuple[int, int], np.ndarray]]:
    """Give what is taken to exist, and the class that is counted.

    A class of which a level has no case can be known to be absent there (no scar without a
    cause): its sums are then sums over the other levels.
    """
    for label in (0, 1):
        weight = np.eye(2)[label]
        yield (1, 1), weight
        yield (int(weight[0]), int(weight[1])), weight


def _withhold(leak: set[Group], shown: list[Group], size: Mapping[Group, int]) -> None:
    """Take a group of the leak away; where it could not be told, the smaller half of all."""
    if not leak:
        shown.sort(key=lambda name: (size[name], repr(name)))
        del shown[: -(-len(shown) // 2)]
        return
    # The smallest group that the leak needs costs the reader least.
    shown.remove(min(leak - {TOTAL} or leak, key=lambda name: (size[name], repr(name))))
