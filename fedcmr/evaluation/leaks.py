"""Whether printed counts give a small group away, by exact search.

Printed are sums over groups: all cases, sites, levels of views. A reader can add and subtract
them with any weights. What comes out is a group when the weights add up to 0 or 1 for every case.

Taken as known to everyone is which levels of every table each site has, and nothing of how tables
cross: in a site every level of one table may meet every level of another. Weights that depend on
two tables at once then cannot be 0 or 1 throughout (a1 + b1, a1 + b2, a2 + b1, a2 + b2 with
a1 != a2 and b1 != b2 take a third value), so that inside a site a group is all, nothing, or some
levels of one table. That makes the search a mixed-integer program (Fischetti and Salazar 2000 use
the like to audit a table), which HiGHS solves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array, hstack, identity, vstack

from fedcmr.evaluation.strata import Columns, Level, view_of

Group = tuple[str, ...] | tuple[Columns, Level]
TOTAL: Group = ("total",)

Counts = tuple[int, int]
"""Cases of class 1 and of class 0."""

SECONDS = 60.0
"""Of one search; tables of 20 sites take 7."""


@dataclass(frozen=True)
class Cell:
    """A level of a table at a site."""

    site: str
    table: Columns
    level: Level
    counts: Counts

    def groups(self, views: Mapping[Columns, Sequence[Columns]]) -> list[Group]:
        """Return the levels of views that hold the cell."""
        seen = ((view, view_of(self.table, view, self.level)) for view in views[self.table])
        return [(view, level) for view, level in seen if level is not None]


@dataclass
class Search:
    """The program for one table of counts; `printed` may only shrink between two calls."""

    cells: Sequence[Cell]
    views: Mapping[Columns, Sequence[Columns]]
    printed: list[Group]
    _rows: dict[Group, int] = field(init=False)

    def __post_init__(self) -> None:
        self.sites = sorted({cell.site for cell in self.cells})
        self._first: dict[tuple[str, Columns], Cell] = {}
        for cell in self.cells:
            self._first.setdefault((cell.site, cell.table), cell)
        self._tables = sorted(self._first)
        self._others = [c for c in self.cells if self._first[c.site, c.table] is not c]

    def leak(
        self,
        below: int,
        weight: NDArray[np.float64],
        *,
        private: frozenset[str] = frozenset(),
        most_sites: int = 0,
    ) -> set[Group] | None:
        """Return printed groups that give a forbidden group; None where nothing does.

        An empty set says that the time was not enough to tell.

        Forbidden is a group with a case of which fewer than `below` weigh 1 in `weight`, given
        as (2,) weights of the classes; or, with `private`, one that holds a case of a private
        site and cases of at most `most_sites` sites.
        """
        if not self.printed or not self.cells:
            return None
        structure = self._structure()
        n_base, n_d = len(self.sites), len(self._others)
        rows, bounds = self._shape(n_base, n_d)
        size = rows[0].shape[1]
        every = self._count(np.ones(2), self.sites, size)
        if private:
            used, limits = self._few_sites(most_sites, size)
            rows.append(used)
            bounds.append(limits)
            inside = self._count(np.ones(2), sorted(private), size)
            rows.append(csr_array(inside[None]))
            bounds.append((np.array([1.0]), np.array([np.inf])))
        else:
            rows.append(csr_array(np.stack([every, self._count(weight, self.sites, size)])))
            bounds.append((np.array([1.0, 0.0]), np.array([np.inf, below - 0.5])))
        groups = len(self.printed)
        free = csr_array((structure.shape[0], size - structure.shape[0]))
        equal = hstack([-structure, identity(structure.shape[0]), free])
        blocks = [hstack([csr_array((block.shape[0], groups)), block]) for block in rows]
        low = np.concatenate([np.zeros(structure.shape[0]), *(b[0] for b in bounds)])
        high = np.concatenate([np.zeros(structure.shape[0]), *(b[1] for b in bounds)])
        whole = np.concatenate([np.zeros(groups), np.ones(size)])
        lowest = np.concatenate([np.full(groups, -np.inf), np.zeros(n_base), -np.ones(n_d)])
        lowest = np.concatenate([lowest, np.zeros(size - n_base - n_d)])
        highest = np.concatenate([np.full(groups, np.inf), np.ones(size)])
        found = milp(
            np.zeros(groups + size),
            integrality=whole,
            bounds=Bounds(lowest, highest),
            constraints=LinearConstraint(csr_array(vstack([equal, *blocks])), low, high),
            options={"time_limit": SECONDS},
        )
        if found.status == 2:
            return None
        if found.x is None:
            return set()
        return self._used(structure, np.round(found.x[groups : groups + structure.shape[0]]))

    def _structure(self) -> csr_array:
        """Return what the weight of each printed group (columns) adds to each quantity (rows):
        the value of a site's first levels, then how each other cell differs from its first one.
        """
        column = {group: index for index, group in enumerate(self.printed)}
        matrix = np.zeros((len(self.sites) + len(self._others), len(column)))
        if TOTAL in column:
            matrix[: len(self.sites), column[TOTAL]] = 1
        for row, site in enumerate(self.sites):
            if ("site", site) in column:
                matrix[row, column["site", site]] = 1
        for (site, _), first in self._first.items():
            for group in first.groups(self.views):
                if group in column:
                    matrix[self.sites.index(site), column[group]] += 1
        for row, cell in enumerate(self._others, start=len(self.sites)):
            first = self._first[cell.site, cell.table]
            for sign, one in ((1, cell), (-1, first)):
                for group in one.groups(self.views):
                    if group in column:
                        matrix[row, column[group]] += sign
        return csr_array(matrix)

    def _shape(
        self, n_base: int, n_d: int
    ) -> tuple[list[csr_array], list[tuple[NDArray[np.float64], NDArray[np.float64]]]]:
        """Return the rows that make a group: 0 or 1 throughout, one table at most in a site."""
        tables = {key: n_base + n_d + index for index, key in enumerate(self._tables)}
        size = n_base + n_d + len(tables) + n_base
        rows: list[dict[int, float]] = []
        low: list[float] = []
        high: list[float] = []
        for index, cell in enumerate(self._others, start=n_base):
            active = tables[cell.site, cell.table]
            for row, least, most in (
                ({index: 1.0, active: -1.0}, -np.inf, 0.0),
                ({index: 1.0, active: 1.0}, 0.0, np.inf),
                ({index: 1.0, self.sites.index(cell.site): 1.0}, 0.0, 1.0),
            ):
                rows.append(row)
                low.append(least)
                high.append(most)
        for site in self.sites:
            rows.append({index: 1.0 for (name, _), index in tables.items() if name == site})
            low.append(0.0)
            high.append(1.0)
        return [_sparse(rows, size)], [(np.array(low), np.array(high))]

    def _few_sites(
        self, most: int, size: int
    ) -> tuple[csr_array, tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Return the rows by which a group touches at most so many sites."""
        n_base = len(self.sites)
        first = size - n_base
        rows = [{index: 1.0, first + index: -1.0} for index in range(n_base)]
        for index, cell in enumerate(self._others, start=n_base):
            site = self.sites.index(cell.site)
            rows.append({index: 1.0, site: 1.0, first + site: -1.0})
        high = np.zeros(len(rows) + 1)
        high[-1] = most
        rows.append({first + index: 1.0 for index in range(n_base)})
        return _sparse(rows, size), (np.full(len(high), -np.inf), high)

    def _count(
        self, weight: NDArray[np.float64], sites: Sequence[str], size: int
    ) -> NDArray[np.float64]:
        """Return the row (size,) that counts the cases of a group at some sites."""
        row = np.zeros(size)
        for index, site in enumerate(self.sites):
            if site in sites:
                table = next(t for name, t in self._tables if name == site)
                row[index] = sum(
                    float(weight @ c.counts)
                    for c in self.cells
                    if c.site == site and c.table == table
                )
        for index, cell in enumerate(self._others, start=len(self.sites)):
            row[index] = float(weight @ cell.counts) if cell.site in sites else 0.0
        return row

    def _used(self, structure: csr_array, group: NDArray[np.float64]) -> set[Group]:
        """Return the printed groups of the lightest weights that give a group."""
        count = len(self.printed)
        found = linprog(
            np.ones(2 * count),
            A_eq=hstack([structure, -structure]),
            b_eq=group,
            bounds=(0, None),
        )
        if found.x is None:
            return set(self.printed)
        weights = found.x[:count] - found.x[count:]
        return {name for name, w in zip(self.printed, weights, strict=True) if abs(w) > 1e-6}


def _sparse(rows: Sequence[Mapping[int, float]], size: int) -> csr_array:
    matrix = np.zeros((len(rows), size))
    for index, row in enumerate(rows):
        for column, value in row.items():
            matrix[index, column] = value
    return csr_array(matrix)
