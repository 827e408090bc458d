"""What a report lists, and the word in the place of what it may not show."""

from collections.abc import Callable

import pytest
from case_files import EDGES, level

from fedcmr.config import EvaluationSettings
from fedcmr.errors import DataError
from fedcmr.evaluation.groups import Groups
from fedcmr.evaluation.sums import EvaluationSums, collect, total

SETTINGS = EvaluationSettings()


def _site(vendor: str, n: int = 60, **columns: str) -> EvaluationSums:
    scores = [(i * 37 % 101) / 101 for i in range(n)]
    return collect([i % 2 for i in range(n)], scores, [level(vendor, **columns)] * n, edges=EDGES)


def _groups(sites: dict[str, EvaluationSums], open_sites: tuple[str, ...]) -> Groups:
    return Groups(total(sites.values(), edges=EDGES), sites, SETTINGS, open_sites)


def test_a_flag_is_listed_when_a_case_has_it() -> None:
    flagged = {"flag weak_motion": "yes"}
    groups = _groups({"a": _site("GE"), "b": _site("GE", **flagged)}, ("a", "b"))
    by = [group.by for group in groups.strata]
    assert by.count(("flag weak_motion",)) == 2
    assert ("flag few_slices",) not in by
    assert by[-2:] == [("site",), ("site",)]


def test_each_view_of_a_table_adds_up_to_all_cases(cases: Callable) -> None:
    sums = collect(*cases(300), edges=EDGES)
    groups = Groups(sums, {}, SETTINGS, ())
    for by in {group.by for group in groups.strata}:
        assert sum(group.n for group in groups.strata if group.by == by) == 300


def test_words_in_the_place_of_results() -> None:
    sites = {"a": _site("GE"), "b": _site("Philips"), "c": _site("Canon", 8), "d": _site("GE")}
    groups = _groups(sites, ("a", "c"))
    hidden = {group.level: groups.hidden(group) for group in groups.strata if group.by == ("site",)}
    assert hidden["b",] == hidden["d",] == "withheld"
    assert hidden["c",] == "suppressed"
    by_vendor = {g.level[0]: groups.hidden(g) for g in groups.strata if g.by == ("vendor",)}
    assert by_vendor["Philips"] == by_vendor["Canon"] == "suppressed"


def test_what_sites_withhold_is_counted_by_column(cases: Callable) -> None:
    sites = {
        "a": collect(*cases(90, 1), edges=EDGES, withheld=("sex", "age_band")),
        "b": collect(*cases(90, 2), edges=EDGES, withheld=("sex",)),
        "c": collect(*cases(90, 3), edges=EDGES),
    }
    assert _groups(sites, ("a", "b", "c")).withheld == {"sex": 2, "age_band": 1}


def test_sites_must_add_up() -> None:
    with pytest.raises(DataError, match="add up"):
        Groups(_site("GE"), {"a": _site("GE", 50)}, SETTINGS, ())


def test_sites_with_finer_bins_than_the_pooled_ones_are_merged(cases: Callable) -> None:
    fine = collect(*cases(90, 1), edges=EDGES)
    coarse = collect(*cases(90, 2), edges=EDGES, most_bins=16)
    groups = _groups({"a": fine, "b": coarse}, ("a", "b"))
    assert {len(group.positive) for group in groups.strata} == {16}
