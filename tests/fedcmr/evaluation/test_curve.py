"""ROC points and reliability at bins wide enough to be printed; Brier score in parts."""

from collections.abc import Callable

import numpy as np
import pytest
from case_files import EDGES, level
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.brier import slow_brier_parts
from sklearn.metrics import roc_curve

from fedcmr.evaluation.curve import brier_parts, reliability, roc_points, wide_edges
from fedcmr.evaluation.sums import EvaluationSums, collect

CASES = st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=2, max_size=60).filter(
    lambda cases: len({label for label, _ in cases}) == 2
)


def _sums(cases: list[tuple[int, float]]) -> EvaluationSums:
    labels, scores = [c[0] for c in cases], [c[1] for c in cases]
    return collect(labels, scores, [level()] * len(cases), edges=EDGES)


@settings(max_examples=60, deadline=None)
@given(CASES, st.sampled_from([1, 3, 10]))
def test_bins_hold_the_minimum_of_each_class(cases: list, minimum: int) -> None:
    sums = _sums(cases)
    edges = wide_edges(sums, minimum)
    if edges:
        wide = sums.at(edges).overall
        assert min(*wide.positive, *wide.negative) >= minimum
    bins = reliability(sums, edges)
    assert sum(part.n for part in bins) == len(cases)
    assert sum(part.n * part.score for part in bins) == pytest.approx(sum(c[1] for c in cases))


@settings(max_examples=60, deadline=None)
@given(CASES, st.sampled_from([1, 5]))
def test_parts_of_the_brier_score_are_those_of_the_cases(cases: list, minimum: int) -> None:
    sums = _sums(cases)
    edges = wide_edges(sums, minimum)
    parts = brier_parts(sums, reliability(sums, edges))
    assert parts.model_dump() == pytest.approx(slow_brier_parts(cases, edges), abs=1e-9)
    added = parts.reliability - parts.resolution + parts.uncertainty + parts.within_bin
    assert added == pytest.approx(parts.brier)


def test_points_lie_on_the_curve_of_the_cases(cases: Callable) -> None:
    labels, scores, strata = cases(400)
    sums = collect(labels, scores, strata, edges=EDGES)
    points = roc_points(sums, wide_edges(sums, 10))
    assert 5 < len(points) < 20
    assert (points[0].sensitivity.value, points[0].false_positive_rate.value) == (1, 1)
    assert (points[-1].sensitivity.value, points[-1].false_positive_rate.value) == (0, 0)
    for point in points[1:-1]:
        called = scores >= point.threshold
        assert point.sensitivity.value == pytest.approx(called[labels == 1].mean())
        assert point.false_positive_rate.value == pytest.approx(called[labels == 0].mean())
        assert point.sensitivity.low < point.sensitivity.value < point.sensitivity.high
    false, true, _ = roc_curve(labels, scores)
    for point in points:
        assert np.interp(point.false_positive_rate.value, false, true) >= (
            point.sensitivity.value - 1e-9
        )


def test_few_cases_are_one_bin() -> None:
    sums = _sums([(0, 0.2), (1, 0.7), (1, 0.9)])
    assert wide_edges(sums, 10) == ()
    (only,) = reliability(sums, ())
    assert (only.n, only.positives, only.low, only.high) == (3, 2, 0, 1)
    assert only.score == pytest.approx(0.6)
    assert len(roc_points(sums, ())) == 2
