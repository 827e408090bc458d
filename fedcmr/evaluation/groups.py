"""All groups that a report could show, and which of them it may."""

from collections.abc import Collection, Mapping
from functools import reduce

from fedcmr.config import EvaluationSettings
from fedcmr.errors import DataError
from fedcmr.evaluation.results import SUPPRESSED, WITHHELD, Hidden
from fedcmr.evaluation.strata import FLAG_COLUMNS, NOT_GIVEN, VIEWS, Columns, Level, view_of
from fedcmr.evaluation.sums import EvaluationSums, StratumSums, total
from fedcmr.evaluation.suppression import cells_of, printable

SITE: Columns = ("site",)


class Groups:
    """Levels of all views and sites, from the test cases of all sites.

    Args:
        test: pooled over the sites.
        per_site: its parts; empty without federation, where all cases are one nameless site.
        settings: smallest groups.
        open_sites: sites whose policy allows results of their own.

    Raises:
        DataError: the sites do not add up to the pooled sums.
    """

    def __init__(
        self,
        test: EvaluationSums,
        per_site: Mapping[str, EvaluationSums],
        settings: EvaluationSettings,
        open_sites: Collection[str],
    ) -> None:
        self._minimum = settings.min_class_count
        self._min_sites = settings.min_sites
        self._sites = {name: sums.at(test.edges) for name, sums in sorted(per_site.items())}
        if per_site and not _same_counts(total(self._sites.values(), edges=test.edges), test):
            raise DataError("the sums of the sites do not add up to the pooled ones")
        self._open = frozenset(open_sites if per_site else {""})
        everywhere = self._sites or {"": test}
        # A flag that no case has tells nothing; what is not printed needs no protection.
        unused = {(c,) for c in FLAG_COLUMNS if not _has(test, (c,), "yes")}
        self.printable = printable(
            [cell for cell in cells_of(everywhere) if cell.table not in unused],
            settings.min_class_count,
            open_sites=self._open,
            min_sites=settings.min_sites,
        )
        self.strata = [
            *(s for table in VIEWS if table not in unused for s in _views(test, table)),
            *(sums.overall.named(SITE, (name,)) for name, sums in self._sites.items()),
        ]
        self.withheld = {
            column: count
            for table in VIEWS
            for index, column in enumerate(table)
            if (
                count := sum(
                    any(s.by == table and s.level[index] == NOT_GIVEN for s in sums.strata)
                    for sums in everywhere.values()
                )
            )
        }

    def hidden(self, group: StratumSums) -> Hidden | None:
        """Return the word in the place of a group's result; None where it may be printed."""
        if group.by == SITE:
            return self.hidden_site(group.level[0], self._sites[group.level[0]])
        return None if group.key in self.printable.levels else SUPPRESSED

    def hidden_site(self, name: str, sums: EvaluationSums) -> Hidden | None:
        """Return the word in the place of a site's results; None where they may be printed."""
        if name not in self._open:
            return WITHHELD
        large = min(sums.overall.positives, sums.overall.negatives) >= self._minimum
        return None if large and name in self.printable.sites else SUPPRESSED

    def may_pool(self, sites: Mapping[str, EvaluationSums]) -> bool:
        """Tell whether one number over other cases of some sites may be printed."""
        silent = sites.keys() - self._open
        enough = sum(sums.overall.n for sums in sites.values()) >= self._minimum
        return enough and (not silent or len(sites) >= self._min_sites)

    def usable_sites(self) -> tuple[list[StratumSums], list[StratumSums]]:
        """Return printed sites, and large enough ones that keep their results."""
        sites = {name: sums.overall for name, sums in self._sites.items()}
        printed = [sums for name, sums in sites.items() if name in self.printable.sites]
        kept = [
            sums
            for name, sums in sites.items()
            if name not in self._open and min(sums.positives, sums.negatives) >= self._minimum
        ]
        return printed, kept


def _views(test: EvaluationSums, table: Columns) -> list[StratumSums]:
    members: dict[tuple[Columns, Level], list[StratumSums]] = {}
    for stratum in test.strata:
        for view in VIEWS[table] if stratum.by == table else ():
            level = view_of(table, view, stratum.level)
            if level is not None:
                members.setdefault((view, level), []).append(stratum)
    order = {view: index for index, view in enumerate(VIEWS[table])}
    return [
        reduce(StratumSums.__add__, parts).named(*key)
        for key, parts in sorted(members.items(), key=lambda item: (order[item[0][0]], item[0][1]))
    ]


def _has(sums: EvaluationSums, table: Columns, level: str) -> bool:
    return any(s.key == (table, (level,)) for s in sums.strata)


def _same_counts(one: EvaluationSums, other: EvaluationSums) -> bool:
    return [(s.key, s.positive, s.negative) for s in one.strata] == [
        (s.key, s.positive, s.negative) for s in other.strata
    ]
