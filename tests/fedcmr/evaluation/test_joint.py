"""Two models on the same cases: sums add up, DeLong's paired test is that of the cases."""

import json
from collections.abc import Callable

import numpy as np
import pytest
from case_files import EDGES, equal_edges, level
from hypothesis import given, settings
from hypothesis import strategies as st
from MLstatkit import Delong_test
from reference.delong import slow_paired_delong

from fedcmr.errors import ConfigurationError, DataError
from fedcmr.evaluation.joint import JointSums, collect_joint, joint_edges, paired_delong
from fedcmr.evaluation.roc import auc
from fedcmr.evaluation.sums import collect

CASE = st.tuples(st.integers(0, 1), st.integers(0, 15), st.integers(0, 15))
CASES = st.lists(CASE, min_size=6, max_size=40).filter(
    lambda cases: 2 <= sum(label for label, _, _ in cases) <= len(cases) - 2
)


def _columns(cases: list[tuple[int, int, int]]) -> tuple[list[int], list[float], list[float]]:
    return [c[0] for c in cases], [c[1] / 16 for c in cases], [c[2] / 16 for c in cases]


@settings(max_examples=80, deadline=None)
@given(CASES.filter(lambda cases: any(a != b for _, a, b in cases)))
def test_equals_the_loop_over_cases(cases: list[tuple[int, int, int]]) -> None:
    labels, scores, others = _columns(cases)
    found = paired_delong(collect_joint(labels, scores, others, edges=equal_edges(16)), "other")
    try:
        difference, p = slow_paired_delong(labels, scores, others)
    except ZeroDivisionError:
        few = min(sum(labels), len(labels) - sum(labels))
        assert found.p == (min(1.0, 2 * 0.5**few) if found.difference.value else 1.0)
        assert found.difference.low < found.difference.high
        return
    assert found.difference.value == pytest.approx(difference, abs=1e-12)
    assert found.p == pytest.approx(p, abs=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_equals_mlstatkit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = (np.arange(150) % 4 == 0).astype(int)
    scores, others = np.round(1 / (1 + np.exp(-rng.normal(0.8 * labels, 1, (2, 150)))), 2)
    _, p = Delong_test(labels, scores, others)[:2]
    found = paired_delong(collect_joint(labels, scores, others, edges=equal_edges(100)), "other")
    assert found.p == pytest.approx(p, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.lists(CASE, max_size=40), st.integers(0, 40))
def test_sums_of_parts_are_those_of_the_whole(cases: list, at: int) -> None:
    parts = [collect_joint(*_columns(part), edges=EDGES) for part in (cases[:at], cases[at:])]
    whole = collect_joint(*_columns(cases), edges=EDGES)
    assert parts[0] + parts[1] == whole
    assert JointSums.from_json(whole.to_json(), where="site a") == whole
    coarse = collect_joint(*_columns(cases), edges=EDGES, most_bins=8)
    assert whole.at(equal_edges(8)) == coarse
    assert parts[0] + collect_joint(*_columns(cases[at:]), edges=EDGES, most_bins=8) == coarse


def test_a_model_against_itself_does_not_differ(cases: Callable) -> None:
    labels, scores, _ = cases(80)
    found = paired_delong(collect_joint(labels, scores, scores, edges=EDGES), "itself")
    assert (found.p, found.difference.value, found.n) == (1.0, 0.0, 80)
    assert found.auc == found.other


@pytest.mark.parametrize(("each", "p"), [(2, 0.5), (8, 2 / 256)])
@pytest.mark.parametrize("other", [0.5, "reversed"])
def test_the_same_difference_for_all_cases_is_no_certainty(
    each: int, p: float, other: float | str
) -> None:
    labels = np.repeat([0, 1], each)
    scores = 0.1 + 0.8 * labels
    others = 1 - scores if other == "reversed" else np.full(2 * each, other)
    found = paired_delong(collect_joint(labels, scores, others, edges=EDGES), "other")
    low, high = found.difference.low, found.difference.high
    assert found.p == p
    assert -1 <= low < found.difference.value <= high <= 1
    assert high - low > 0.3


def test_an_interval_stays_between_minus_one_and_one() -> None:
    labels, scores = [0, 0, 0, 1, 1, 1], np.array([0.1, 0.2, 0.3, 0.7, 0.8, 0.9])
    others = np.array([0.9, 0.8, 0.25, 0.27, 0.1, 0.2])
    for pair, sign in (((scores, others), 1), ((others, scores), -1)):
        found = paired_delong(collect_joint(labels, *pair, edges=EDGES), "other").difference
        assert max(sign * found.low, sign * found.high) == 1
        assert found.value * sign == pytest.approx(8 / 9)


def test_areas_are_those_of_each_model(cases: Callable) -> None:
    labels, scores, strata = cases(120)
    others = np.sqrt(scores)
    found = paired_delong(collect_joint(labels, scores, others, edges=EDGES), "other")
    for area, values in ((found.auc, scores), (found.other, others)):
        assert area.value == auc(collect(labels, values, strata, edges=EDGES).overall).value


def test_edges_for_a_comparison_hold_those_of_both(cases: Callable) -> None:
    labels, scores, strata = cases(400)
    ours = collect(labels, scores, strata, edges=EDGES)
    theirs = collect(labels, scores**4, strata, edges=EDGES, most_bins=32)
    edges = joint_edges(ours, theirs)
    assert set(equal_edges(32)) < set(edges)
    assert 2500 < len(edges) < 4096
    fine = collect(labels, scores, strata, edges=equal_edges(2048))
    assert len(joint_edges(fine, fine)) < 4096
    with pytest.raises(DataError, match="both classes"):
        joint_edges(ours, collect([1], [0.5], [level()], edges=EDGES))


def _change(**parts: object) -> Callable[[dict], None]:
    return lambda data: data.update(parts)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_change(positive=[[0, 0, 0]]), "greater than or equal to 1"),
        (_change(positive=[[0, 99, 1]]), "outside"),
        (_change(positive=[[0, 1, 1], [0, 1, 1]]), "without duplicates"),
        (_change(negative=[[0, 0, 10**6], [0, 1, 1]], positive=[]), "more than 1000000"),
        (_change(edges=[0.5, 0.2]), "rise"),
        (_change(cases=[]), "unknown key"),
    ],
)
def test_sums_that_cannot_be_true_are_refused(
    cases: Callable, change: Callable[[dict], None], words: str
) -> None:
    labels, scores, _ = cases(20)
    data = json.loads(collect_joint(labels, scores, scores, edges=EDGES).to_json())
    change(data)
    with pytest.raises(ConfigurationError, match=words):
        JointSums.from_json(json.dumps(data), where="site a")


@pytest.mark.parametrize(
    ("labels", "scores", "others", "words"),
    [
        ([1, 0], [0.5], [0.5, 0.5], "(?i)"),
        ([2], [0.5], [0.5], "0 or 1"),
        ([1], [0.5], [float("nan")], "0 to 1"),
    ],
)
def test_wrong_cases_are_refused(labels: list, scores: list, others: list, words: str) -> None:
    with pytest.raises((DataError, ValueError), match=words):
        collect_joint(labels, scores, others, edges=EDGES)


def test_one_case_of_a_class_is_too_few() -> None:
    with pytest.raises(DataError, match="two cases"):
        paired_delong(collect_joint([1, 0, 0], [0.5] * 3, [0.4] * 3, edges=EDGES), "other")
