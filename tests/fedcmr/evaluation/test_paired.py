"""DeLong's paired test is that of the cases."""

from collections.abc import Callable

import numpy as np
import pytest
from case_files import EDGES, equal_edges
from hypothesis import given, settings
from hypothesis import strategies as st
from MLstatkit import Delong_test
from reference.delong import slow_paired_delong

from fedcmr.errors import DataError
from fedcmr.evaluation.joint import collect_joint
from fedcmr.evaluation.paired import ahead, paired_delong
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
    found = paired_delong(
        collect_joint(labels, scores, others, edges=2 * (equal_edges(16),)), "other"
    )
    try:
        difference, p = slow_paired_delong(labels, scores, others)
    except ZeroDivisionError:
        few = min(sum(labels), len(labels) - sum(labels))
        assert found.p == (1.0 if abs(found.difference.value) < 1e-12 else min(1.0, 2 * 0.5**few))
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
    found = paired_delong(
        collect_joint(labels, scores, others, edges=2 * (equal_edges(100),)), "other"
    )
    assert found.p == pytest.approx(p, abs=1e-9)


def test_a_model_against_itself_does_not_differ(cases: Callable) -> None:
    labels, scores, _ = cases(80)
    found = paired_delong(collect_joint(labels, scores, scores, edges=2 * (EDGES,)), "itself")
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
    found = paired_delong(collect_joint(labels, scores, others, edges=2 * (EDGES,)), "other")
    low, high = found.difference.low, found.difference.high
    assert found.p == p
    assert -1 <= low < found.difference.value <= high <= 1
    assert high - low > 0.3


def test_an_interval_stays_between_minus_one_and_one() -> None:
    labels, scores = [0, 0, 0, 1, 1, 1], np.array([0.1, 0.2, 0.3, 0.7, 0.8, 0.9])
    others = np.array([0.9, 0.8, 0.25, 0.27, 0.1, 0.2])
    for pair, sign in (((scores, others), 1), ((others, scores), -1)):
        found = paired_delong(collect_joint(labels, *pair, edges=2 * (EDGES,)), "other").difference
        assert max(sign * found.low, sign * found.high) == 1
        assert found.value * sign == pytest.approx(8 / 9)


def test_areas_are_those_of_each_model(cases: Callable) -> None:
    labels, scores, strata = cases(120)
    others = np.sqrt(scores)
    found = paired_delong(collect_joint(labels, scores, others, edges=2 * (EDGES,)), "other")
    for area, values in ((found.auc, scores), (found.other, others)):
        assert area.value == auc(collect(labels, values, strata, edges=EDGES).overall).value


def test_one_case_of_a_class_is_too_few() -> None:
    with pytest.raises(DataError, match="two cases"):
        paired_delong(collect_joint([1, 0, 0], [0.5] * 3, [0.4] * 3, edges=2 * (EDGES,)), "other")


def test_one_case_of_each_class_in_a_bin_is_ordered_as_it_is() -> None:
    # Of the loop over cases: bins of a half each, no two cases of a class in one.
    labels, scores = [1, 0, 1, 0], [0.3, 0.1, 0.9, 0.8]
    found = paired_delong(collect_joint(labels, scores, [0.5] * 4, edges=((0.5,), (0.6,))), "flat")
    assert found.auc.value == 0.5
    assert found.difference.value == pytest.approx(0.25)


def test_order_inside_a_bin_is_that_of_uniform_scores() -> None:
    rng = np.random.default_rng(5)
    for m, n, most in ((1, 1, 1e-12), (1, 3, 0.17), (4, 4, 0.08), (40, 60, 0.01)):
        off = []
        for _ in range(300):
            one, two = rng.random(m) / 4 + 0.5, rng.random(n) / 4 + 0.5
            counts = (np.array([0.0, m, 0.0]), np.array([1.0, n, 0.0]))
            sums = (np.array([0.0, one.sum(), 0.0]), np.array([0.1, two.sum(), 0.0]))
            part = ahead(counts, sums, (0.5, 0.75))
            assert (part[0], part[2]) == (0.5, 0.5)
            off.append(part[1] - np.mean(one[:, None] > two))
        assert np.sqrt(np.mean(np.square(off))) <= most
        assert abs(np.mean(off)) <= most / 4


def test_equal_scores_in_a_bin_are_ties() -> None:
    for m, n in ((1, 1), (3, 2)):
        counts, sums = (np.array([m, 0.0]), np.array([n, 0.0])), (np.array([m / 4, 0.0]),) * 2
        part = ahead(counts, (sums[0], np.array([n / 4, 0.0])), (0.5,))
        assert part == pytest.approx([0.5, 0.5])


def test_the_interval_of_equal_differences_is_that_of_matched_proportions() -> None:
    labels = np.repeat([0, 1], 8)
    joint = collect_joint(labels, 0.1 + 0.8 * labels, [0.5] * 16, edges=(EDGES, EDGES))
    found = paired_delong(joint, "flat").difference
    # Agresti and Min 2005 with 4 and 0 discordant of 8, a half added to each: 4.5 and 0.5 of 10.
    half = 1.959964 * (5 - 4 * 0.4) ** 0.5 / 10
    assert (found.low, found.high) == pytest.approx((0.4 - half, 0.4 + half), abs=1e-6)
