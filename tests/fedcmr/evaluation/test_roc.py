from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.auc import slow_auc

from fedcmr.errors import DataError
from fedcmr.evaluation.roc import auc
from fedcmr.evaluation.sums import StratumSums, collect

LEVEL = {"vendor": "GE", "field_strength": "3T"}
CASES = st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=2, max_size=60).filter(
    lambda cases: len({label for label, _ in cases}) == 2
)


@settings(max_examples=150, deadline=None)
@given(CASES, st.sampled_from([2, 5, 64, 256]))
def test_exact_auc_lies_within_the_bound(cases: list[tuple[int, float]], bins: int) -> None:
    labels, scores = [c[0] for c in cases], [c[1] for c in cases]
    area = auc(collect(labels, scores, [LEVEL] * len(cases), bins=bins).overall)
    assert abs(slow_auc(labels, scores) - area.value) <= area.bound + 1e-12


def test_auc_of_scores_on_edges_is_exact(histogram: Callable[..., StratumSums]) -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 300).tolist()
    scores = (rng.integers(0, 64, 300) / 64).tolist()
    assert auc(histogram(labels, scores)).value == pytest.approx(
        slow_auc(labels, scores), abs=1e-12
    )


def test_reference_agrees_with_sklearn() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(4)
    labels, scores = rng.integers(0, 2, 80), rng.integers(0, 20, 80) / 20
    assert slow_auc(labels.tolist(), scores.tolist()) == pytest.approx(
        roc_auc_score(labels, scores), abs=1e-12
    )


@pytest.mark.parametrize(
    ("labels", "scores", "value", "bound"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], 1.0, 0.0),
        ([1, 1, 0, 0], [0.1, 0.2, 0.8, 0.9], 0.0, 0.0),
        ([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5], 0.5, 0.5),
        ([0, 1], [0.501, 0.502], 0.5, 0.5),
    ],
)
def test_ends(
    histogram: Callable[..., StratumSums],
    labels: list[int],
    scores: list[float],
    value: float,
    bound: float,
) -> None:
    area = auc(histogram(labels, scores))
    assert (area.value, area.bound) == (value, bound)


@pytest.mark.parametrize("labels", [[], [1], [0, 0]])
def test_one_class_has_no_auc(histogram: Callable[..., StratumSums], labels: list[int]) -> None:
    with pytest.raises(DataError, match="both classes"):
        auc(histogram(labels, [0.5] * len(labels)))
