"""Nothing that is printed gives a small group away: every group is tried on small cohorts."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reference.differencing import computable, recoverable

from fedcmr.evaluation.leaks import Cell
from fedcmr.evaluation.suppression import Printable, printable

VIEWS = {("a", "b"): (("a",), ("b",), ("a", "b")), ("c",): (("c",),)}
ONE_VIEW = {("c",): (("c",),)}
SITES = ("x", "y", "z")

Case = tuple[str, str, str, str]
"""Site, and levels of the columns a, b and c."""

Cohort = dict[Case, tuple[int, int]]
"""Cases of class 1 and 0."""

PLACES = st.tuples(
    st.sampled_from(SITES), st.sampled_from("pq"), st.sampled_from("rs"), st.sampled_from("tu")
)
COHORTS = st.dictionaries(
    PLACES, st.tuples(st.integers(0, 25), st.integers(0, 25)), min_size=1, max_size=9
).filter(lambda cohort: any(map(sum, cohort.values())))


def _level(case: Case, view: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(case["abc".index(column) + 1] for column in view)


def _cells(cohort: Cohort, views: dict = VIEWS) -> list[Cell]:
    counts: Counter = Counter()
    for case, both in cohort.items():
        for table, label in product(views, (0, 1)):
            counts[case[0], table, _level(case, table), label] += both[label]
    keys = sorted({key[:3] for key, count in counts.items() if count})
    return [Cell(*key, (counts[*key, 0], counts[*key, 1])) for key in keys]


def _known(cohort: Cohort, labels: tuple[int, ...]) -> list[Case]:
    """Every combination of the levels that a site has among the cases of some classes."""
    known = []
    for site in SITES:
        here = [case for case, both in cohort.items() if case[0] == site]
        here = [case for case in here if sum(cohort[case][label] for label in labels)]
        scanners = sorted({case[1:3] for case in here})
        known += [(site, a, b, c) for (a, b), c in product(scanners, sorted({h[3] for h in here}))]
    return known


def _rows(cases: list[Case], shown: Printable) -> list[list[int]]:
    rows = [[1] * len(cases)] if shown.total else []
    rows += [[int(case[0] == site) for case in cases] for site in sorted(shown.sites)]
    for view, level in sorted(shown.levels):
        rows.append([int(_level(case, view) == level) for case in cases])
    return rows


def _computed(cohort: Cohort, shown: Printable, labels: tuple[int, ...]) -> list[list[Case]]:
    cases = _known(cohort, labels)
    rows = _rows(cases, shown)
    if not rows or not cases:
        return []
    return [
        [case for case, member in zip(cases, group, strict=True) if member]
        for group in computable(rows)
    ]


def _count(cohort: Cohort, group: list[Case], label: int) -> int:
    return sum(cohort.get(case, (0, 0))[label] for case in group)


# Scanner p less level t of another table leaves (3, 3), for t is at site y only, which has only p.
CROSSED = {
    ("x", "p", "r", "u"): (3, 3),
    ("x", "q", "r", "u"): (30, 30),
    ("y", "p", "r", "t"): (30, 30),
    ("y", "p", "r", "u"): (0, 0),
}


@settings(max_examples=120, deadline=None)
@given(COHORTS, st.sampled_from([1, 5, 10]))
@example(CROSSED, 10)
def test_no_small_group_can_be_computed(cohort: Cohort, minimum: int) -> None:
    shown = printable(_cells(cohort), minimum, open_sites=SITES, min_sites=1, views=VIEWS)
    for group in _computed(cohort, shown, (0, 1)):
        assert min(_count(cohort, group, label) for label in (0, 1)) >= minimum
    for label in (0, 1):
        for group in _computed(cohort, shown, (label,)):
            assert _count(cohort, group, label) >= minimum


@settings(max_examples=60, deadline=None)
@given(COHORTS, st.sets(st.sampled_from(SITES)), st.sampled_from([2, 3]))
def test_no_group_of_few_sites_that_keep_their_results_can_be_computed(
    cohort: Cohort, open_sites: set[str], min_sites: int
) -> None:
    shown = printable(_cells(cohort), 1, open_sites=open_sites, min_sites=min_sites, views=VIEWS)
    for group in _computed(cohort, shown, (0, 1)):
        sites = {case[0] for case in group}
        assert len(sites) >= min_sites or sites <= open_sites


@settings(max_examples=40, deadline=None)
@given(COHORTS)
def test_nothing_is_withheld_without_need(cohort: Cohort) -> None:
    cells = _cells(cohort)
    shown = printable(cells, 0, open_sites=SITES, min_sites=3, views=VIEWS)
    assert shown.total
    assert shown.sites == {cell.site for cell in cells}
    assert shown.levels == {group for cell in cells for group in cell.groups(VIEWS)}


@pytest.mark.parametrize("seed", range(4))
def test_suppressed_strata_of_a_large_cohort_are_not_in_the_span(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cohort: Counter = Counter()
    for site, vendors in (("x", "pq"), ("y", "qo"), ("z", "pmn")):
        for _ in range(int(rng.integers(60, 200))):
            vendor = rng.choice(list(vendors))
            field = {"p": "r", "q": "s", "o": "s"}.get(vendor) or rng.choice(["r", "s"])
            band = rng.choice(list("tuvw"), p=[0.5, 0.3, 0.18, 0.02])
            cohort[(site, str(vendor), str(field), str(band)), int(rng.random() < 0.4)] += 1
    both = {case: (cohort[case, 0], cohort[case, 1]) for case, _ in cohort}
    cells = _cells(both)
    shown = printable(cells, 10, open_sites=SITES, min_sites=1, views=VIEWS)
    assert shown.total
    assert shown.levels
    cases = _known(both, (0, 1))
    rows = _rows(cases, shown)
    groups = {group for cell in cells for group in cell.groups(VIEWS)}
    assert groups - shown.levels
    for view, level in groups - shown.levels:
        hidden = [int(_level(case, view) == level) for case in cases]
        inside = [case for case, member in zip(cases, hidden, strict=True) if member]
        if min(_count(both, inside, label) for label in (0, 1)) < 10:
            assert not recoverable(rows, hidden)


def _simple(table: dict[tuple[str, str], tuple[int, int]]) -> Printable:
    cells = [Cell(site, ("c",), (level,), counts) for (site, level), counts in table.items()]
    return printable(
        [c for c in cells if sum(c.counts)], 10, open_sites=SITES, min_sites=1, views=ONE_VIEW
    )


def _levels(*names: str) -> frozenset:
    return frozenset((("c",), (name,)) for name in names)


def test_one_small_level_takes_the_next_smallest_with_it() -> None:
    table = {("x", "A"): (3, 50), ("x", "B"): (20, 20), ("x", "C"): (90, 90)}
    assert _simple(table) == Printable(True, frozenset("x"), _levels("C"))


def test_two_small_levels_that_are_large_together_cost_nothing_more() -> None:
    table = {("x", "A"): (8, 50), ("x", "B"): (9, 50), ("x", "C"): (90, 90)}
    assert _simple(table).levels == _levels("C")


def test_two_small_levels_that_are_small_together_take_a_third() -> None:
    table = {("x", "A"): (2, 50), ("x", "B"): (3, 50), ("x", "C"): (40, 40), ("x", "D"): (60, 60)}
    assert _simple(table).levels == _levels("D")


def test_a_level_without_a_case_of_a_class_hides_nothing() -> None:
    # No scar without a cause: all positives less those of B are those of C.
    table = {("x", "A"): (0, 90), ("x", "B"): (40, 40), ("x", "C"): (4, 40), ("x", "D"): (30, 30)}
    assert "C" not in {level for _, (level,) in _simple(table).levels}
    assert len(_simple(table).levels) < 2


def test_a_small_whole_shows_nothing() -> None:
    assert _simple({("x", "A"): (3, 50)}) == Printable(False, frozenset(), frozenset())


def test_no_case_at_all() -> None:
    assert _simple({("x", "A"): (0, 0)}) == Printable(False, frozenset(), frozenset())


def test_a_level_of_one_silent_site_is_withheld() -> None:
    cells = [Cell(site, ("c",), (f"of {site}",), (30, 30)) for site in "xyz"]
    shown = printable(cells, 10, open_sites=["x"], min_sites=2, views=ONE_VIEW)
    assert shown == Printable(True, frozenset("x"), _levels("of x"))


def test_what_cannot_be_told_in_time_is_withheld(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedcmr.evaluation.leaks.SECONDS", 0.0)
    table = {("x", "A"): (3, 50), ("x", "B"): (20, 20), ("x", "C"): (90, 90)}
    assert not _simple(table).levels


def test_reference_finds_what_can_be_computed() -> None:
    total, first, second = [1, 1, 1], [1, 0, 0], [0, 1, 0]
    assert set(computable([total, first])) == {(1, 1, 1), (1, 0, 0), (0, 1, 1)}
    assert recoverable([total, first, second], [0, 0, 1])
    assert not recoverable([total, first], [0, 0, 1])
    halves = [[1, 1, 0], [1, 0, 1], [0, 1, 1]]
    assert all(recoverable(halves, group) for group in computable(halves))
    assert len(computable(halves)) == 7
