import numpy as np
import pytest
from case_files import EDGES, equal_edges, level
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.confusion import slow_best_edges, slow_confusion
from sklearn.metrics import f1_score

from fedcmr.evaluation.results import Threshold
from fedcmr.evaluation.sums import collect
from fedcmr.evaluation.threshold import at_threshold, choose_threshold

CASES = st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=2, max_size=40).filter(
    lambda cases: len({label for label, _ in cases}) == 2
)


def _choose(
    labels: list[int], scores: list[float], rule: str, edges: tuple[float, ...] = EDGES
) -> Threshold:
    sums = collect(labels, scores, [level()] * len(labels), edges=edges)
    return choose_threshold(sums, rule, published=0.44, edges=edges)


@settings(max_examples=80, deadline=None)
@given(CASES, st.sampled_from(["youden", "sensitivity_90"]), st.sampled_from([10, 64]))
def test_the_edge_is_the_middle_of_the_best(cases: list, rule: str, bins: int) -> None:
    labels, scores = [c[0] for c in cases], [c[1] for c in cases]
    chosen = _choose(labels, scores, rule, equal_edges(bins))
    best = slow_best_edges(labels, scores, bins, rule)
    assert chosen.value == best[len(best) // 2] / bins
    assert (chosen.name, chosen.rule) == (rule, rule)


def test_separated_classes_get_the_middle_of_the_gap() -> None:
    chosen = _choose([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], "youden")
    assert chosen.value == pytest.approx(0.5, abs=1 / 64)


def test_sensitivity_of_nine_in_ten_is_enough() -> None:
    rng = np.random.default_rng(2)
    labels = [1] * 30 + [0] * 30
    scores = [0.1] * 3 + [0.8] * 27 + (0.7 * rng.random(30)).tolist()
    assert 0.7 < _choose(labels, scores, "sensitivity_90").value <= 0.8


def test_of_equally_specific_edges_the_most_sensitive_ones_count() -> None:
    chosen = _choose([0] * 9 + [1] * 20, [0.1] * 9 + [0.3] + [0.8] * 19, "sensitivity_90")
    assert 0.1 < chosen.value <= 0.3


def test_of_two_nearest_edges_the_lower_one_is_taken() -> None:
    assert _choose([], [], "youden", (0.25, 0.75)).value == 0.25


@pytest.mark.parametrize("labels", [[], [1, 1], [0]])
def test_without_two_classes_the_rule_says_so(labels: list[int]) -> None:
    chosen = _choose(labels, [0.9] * len(labels), "youden")
    assert chosen.value == 0.5
    assert "lacks a class" in chosen.rule


def test_the_published_threshold_is_an_edge_of_its_own() -> None:
    assert _choose([], [], "published").value == 0.44
    assert _choose([], [], "published").rule == "published"
    moved = _choose([], [], "published", equal_edges(64))
    assert (moved.value, moved.rule) == (0.4375, "published 0.44, nearest edge")


@settings(max_examples=80, deadline=None)
@given(CASES, st.sampled_from([0, 1, 20, 28, 64]))
def test_proportions_are_those_of_the_cases(cases: list, place: int) -> None:
    labels, scores = [c[0] for c in cases], [c[1] for c in cases]
    value = (0.0, *EDGES)[place]
    threshold = Threshold(name="youden", value=value, rule="youden")
    sums = collect(labels, scores, [level()] * len(cases), edges=EDGES).overall
    at = at_threshold(sums, EDGES, threshold)
    tp, fp, fn, tn = slow_confusion(labels, scores, value)
    counts = at.counts
    assert (counts.true_positive, counts.false_positive) == (tp, fp)
    assert (counts.false_negative, counts.true_negative) == (fn, tn)
    assert at.sensitivity is not None
    assert at.specificity is not None
    assert (at.sensitivity.value, at.specificity.value) == (tp / (tp + fn), tn / (tn + fp))
    assert (at.ppv and at.ppv.value) == (tp / (tp + fp) if tp + fp else None)
    assert (at.npv and at.npv.value) == (tn / (tn + fn) if tn + fn else None)
    assert at.rule_out.value == sum(score < value for score in scores) / len(cases)
    assert at.f1 is not None
    assert at.f1.value == pytest.approx(f1_score(labels, [s >= value for s in scores]))
    assert 0 <= at.f1.low <= at.f1.value <= at.f1.high <= 1
