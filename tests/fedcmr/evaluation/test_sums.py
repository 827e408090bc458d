import json
from collections.abc import Callable

import numpy as np
import pytest
from case_files import EDGES, equal_edges, level
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fedcmr.errors import ConfigurationError, DataError
from fedcmr.evaluation.strata import TABLES
from fedcmr.evaluation.sums import (
    MOST_CASES,
    WORST_LOSS,
    EvaluationSums,
    collect,
    total,
)

LEVELS = [level(v, f) for v in ("GE", "Siemens") for f in ("1.5T", "3T")]
CASE = st.tuples(st.integers(0, 1), st.floats(0, 1), st.sampled_from(LEVELS), st.integers(0, 3))


@settings(max_examples=60, deadline=None)
@given(st.lists(CASE, max_size=40), st.sampled_from([2, 7, 10, 64]))
def test_sums_of_any_partition_equal_pooled(cases: list, bins: int) -> None:
    edges = equal_edges(bins)

    def of(members: list) -> EvaluationSums:
        return collect(*([case[i] for case in members] for i in range(3)), edges=edges)

    sites = [of([case for case in cases if case[3] == site]) for site in range(4)]
    pooled, added = of(cases), total(sites, edges=edges)
    assert [s.key for s in added.strata] == [s.key for s in pooled.strata]
    for one, other in zip(added.strata, pooled.strata, strict=True):
        assert (one.positive, one.negative) == (other.positive, other.negative)
        assert one.loss == pytest.approx(other.loss, abs=1e-9)
        assert one.brier == pytest.approx(other.brier, abs=1e-9)


@pytest.mark.parametrize("bins", [10, 49, 64])
def test_a_score_on_an_edge_lies_in_the_bin_above(bins: int) -> None:
    edges = [k / bins for k in range(bins)]
    below = [float(np.nextafter(edge, 0)) for edge in edges[1:]]
    levels = LEVELS[0]
    at = collect([1] * bins, edges, [levels] * bins, edges=equal_edges(bins)).overall
    under = collect([0] * (bins - 1), below, [levels] * (bins - 1), edges=equal_edges(bins)).overall
    assert at.positive == (1,) * bins
    assert under.negative == (*(1,) * (bins - 1), 0)


def test_ends_of_the_scale_are_counted_and_finite() -> None:
    sums = collect(
        [1, 0, 1, 0], [1.0, 0.0, 0.0, 1.0], [LEVELS[0]] * 4, edges=equal_edges(4)
    ).overall
    assert sums.positive == (1, 0, 0, 1)
    assert sums.negative == (1, 0, 0, 1)
    assert sums.brier == 2.0
    assert sums.loss == pytest.approx(-2 * np.log(1e-7), rel=1e-5)


def test_loss_and_brier_are_those_of_sklearn(cases: Callable) -> None:
    from sklearn.metrics import brier_score_loss, log_loss

    labels, scores, strata = cases(200)
    sums = collect(labels, scores, strata, edges=EDGES).overall
    assert sums.loss / 200 == pytest.approx(log_loss(labels, scores), rel=1e-9)
    assert sums.brier / 200 == pytest.approx(brier_score_loss(labels, scores), rel=1e-9)


def test_json_round_trip(sums: Callable[..., EvaluationSums]) -> None:
    original = sums(50)
    assert EvaluationSums.from_json(original.to_json(), where="site a") == original


@pytest.mark.parametrize(
    ("labels", "scores", "strata", "words"),
    [
        ([1], [float("nan")], LEVELS[:1], "0 to 1"),
        ([1], [1.5], LEVELS[:1], "0 to 1"),
        ([2], [0.5], LEVELS[:1], "0 or 1"),
        ([1, 0], [0.5], LEVELS[:1], "one entry per case"),
        ([1], [0.5], LEVELS[:2], "one entry per case"),
    ],
)
def test_wrong_cases_are_refused(labels: list, scores: list, strata: list, words: str) -> None:
    with pytest.raises(DataError, match=words):
        collect(labels, scores, strata, edges=equal_edges(4))


def test_sites_with_wider_bins_are_added_at_the_edges_of_all(cases: Callable) -> None:
    fine, coarse, third = cases(50, 1), cases(70, 2), cases(60, 3)
    added = (
        collect(*fine, edges=EDGES)
        + collect(*coarse, edges=EDGES, most_bins=20)
        + collect(*third, edges=EDGES, most_bins=8)
    )
    assert added.edges == equal_edges(8)
    both = [np.concatenate(part) for part in list(zip(fine, coarse, third, strict=True))[:2]]
    direct = collect(*both, [*fine[2], *coarse[2], *third[2]], edges=equal_edges(8))
    assert [(s.key, s.positive, s.negative) for s in added.strata] == [
        (s.key, s.positive, s.negative) for s in direct.strata
    ]
    assert added.scores == pytest.approx(direct.scores)


def test_sums_without_a_common_edge_do_not_add_up(cases: Callable) -> None:
    with pytest.raises(DataError, match="edges that they have"):
        collect(*cases(9), edges=equal_edges(3)) + collect(*cases(9), edges=equal_edges(4))


def test_a_withheld_column_reads_the_same_for_all_cases(cases: Callable) -> None:
    labels, scores, strata = cases(60)
    open_site = collect(labels, scores, strata, edges=EDGES)
    silent = collect(labels, scores, strata, edges=EDGES, withheld=("vendor", "model", "sex"))
    scanners = {s.level for s in silent.strata if s.by == ("vendor", "field_strength", "model")}
    assert scanners == {("withheld", "1.5T", "withheld"), ("withheld", "3T", "withheld")}
    assert {s.level for s in silent.strata if s.by[:1] == ("sex",)} == {("withheld", "unknown")}
    assert silent.overall == open_site.overall
    assert (open_site + silent).overall.n == 120


def _set(*path: object, value: object) -> Callable[[dict], None]:
    def change(data: dict) -> None:
        place = data
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


def _by(data: dict, name: str) -> dict:
    return data["strata"][0] | {"by": [name], "level": ["x"]}


def _one_each(data: dict) -> list[dict]:
    return list({tuple(stratum["by"]): stratum for stratum in data["strata"]}.values())


def _empty(stratum: dict) -> None:
    none = [0] * len(stratum["positive"])
    stratum.update(positive=none, negative=none, loss=0.0, brier=0.0)


def _crowd(stratum: dict) -> dict:
    return stratum | {"positive": [10**6 + 1, *[0] * 64], "negative": [0] * 65}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_set("strata", 0, "positive", 0, value=-1), "greater than or equal to 0"),
        (_set("strata", 0, "positive", 0, value=1.0), "integer"),
        (_set("strata", 0, "positive", 0, value=True), "integer"),
        (_set("strata", 0, "positive", value=[]), "same bins"),
        (_set("strata", 1, "positive", 0, value=99), "add up"),
        (_set("strata", 0, "loss", value=-0.5), "greater than or equal to 0"),
        (_set("strata", 0, "loss", value="1"), "number"),
        (_set("strata", 0, "loss", value=float("nan")), "finite"),
        (_set("strata", 0, "brier", value=1e6), "cannot exceed"),
        (_set("strata", 0, "loss", value=50 * 16.2), "loss cannot exceed"),
        (lambda data: data.update(strata=data["strata"][:1]), "by each table"),
        (lambda data: data["strata"].insert(1, _by(data, "aa")), "by each table"),
        (lambda data: [_empty(stratum) for stratum in data["strata"]], "must have a case"),
        (lambda data: data.update(strata=[_crowd(s) for s in _one_each(data)]), "1000000 cases"),
        (_set("scores", 0, value=40.0), "does not fit its bin"),
        (_set("scores", value=[]), "65 bins"),
        (_set("edges", 0, value=0.9), "edges must rise"),
        (_set("edges", 0, value=0.0), "greater than 0"),
        (_set("strata", 1, "level", value=["<script>", "a|b"]), "does not fit"),
        (_set("strata", 1, "level", value=["GE", "3T"]), "one entry each"),
        (_set("strata", value=[]), "sorted"),
        (lambda data: data["edges"].pop(), "64 bins"),
        (_set("cases", value=[]), "unknown key"),
        (lambda data: data["strata"].append(data["strata"][-1]), "duplicates"),
        (lambda data: data["strata"].reverse(), "sorted"),
    ],
)
def test_sums_that_cannot_be_true_are_refused(
    sums: Callable[..., EvaluationSums], change: Callable[[dict], None], words: str
) -> None:
    data = json.loads(sums(50).to_json())
    change(data)
    with pytest.raises(ConfigurationError, match=words) as caught:
        EvaluationSums.from_json(json.dumps(data), where="site a")
    assert "site a" in str(caught.value)


def _extreme(n: int) -> EvaluationSums:
    histogram = {"positive": [n, 0], "negative": [0, 0], "loss": n * WORST_LOSS, "brier": float(n)}
    names = [((), ()), *((by, ("x",) * len(by)) for by in TABLES)]
    strata = [{"by": by, "level": level} | histogram for by, level in names]
    content = {"edges": [0.5], "scores": [n / 2, 0.0], "strata": strata if n else strata[:1]}
    return EvaluationSums.from_json(json.dumps(content), where="site a")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, MOST_CASES), max_size=20))
@example([MOST_CASES] * 1000)
def test_the_most_extreme_sums_that_are_let_in_can_be_added(cases: list[int]) -> None:
    assert total(map(_extreme, cases), edges=(0.5,)).overall.n == sum(cases)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, "\ud800"])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="site a"):
        EvaluationSums.from_json(text, where="site a")
