from collections.abc import Callable

import numpy as np
import pytest
from case_files import EDGES, equal_edges, level
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.auc import slow_auc

from fedcmr.errors import DataError
from fedcmr.evaluation.roc import auc, refined_edges
from fedcmr.evaluation.sums import StratumSums, collect

CASES = st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=2, max_size=60).filter(
    lambda cases: len({label for label, _ in cases}) == 2
)


@settings(max_examples=150, deadline=None)
@given(CASES, st.sampled_from([2, 5, 64, 256]))
def test_exact_auc_lies_within_the_bound(cases: list[tuple[int, float]], bins: int) -> None:
    labels, scores = [c[0] for c in cases], [c[1] for c in cases]
    area = auc(collect(labels, scores, [level()] * len(cases), edges=equal_edges(bins)).overall)
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


def _concentrated(seed: int) -> tuple[list[int], list[float]]:
    """Scores that a badly calibrated network gives: all of them near 0 and near 1."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, 600)
    return labels.tolist(), (1 / (1 + np.exp(-8 * rng.normal(labels - 0.5, 1)))).tolist()


@pytest.mark.parametrize("seed", range(5))
def test_a_second_pass_brings_the_bound_down(seed: int) -> None:
    labels, scores = _concentrated(seed)
    first = collect(labels, scores, [level()] * 600, edges=EDGES)
    assert auc(first.overall).bound > 0.01
    edges = refined_edges(first)
    assert edges is not None
    assert set(EDGES) < set(edges)
    second = collect(labels, scores, [level()] * 600, edges=edges)
    assert second.at(EDGES).overall == first.overall
    area = auc(second.overall)
    assert area.bound <= 0.01
    assert abs(slow_auc(labels, scores) - area.value) <= area.bound + 1e-12
    assert refined_edges(second) is None


def test_nothing_to_refine_without_a_class() -> None:
    assert refined_edges(collect([1, 1], [0.5, 0.5], [level()] * 2, edges=EDGES)) is None


@pytest.mark.parametrize(("n_positive", "n_negative", "refined"), [(5, 10, False), (6, 6, True)])
def test_a_second_pass_is_made_above_the_widest_bound(
    n_positive: int, n_negative: int, refined: bool
) -> None:
    # One pair in one bin: bounds of 1 / 100 and 1 / 72.
    labels = [1] * n_positive + [0] * n_negative
    scores = [0.5] + [0.9] * (n_positive - 1) + [0.5] + [0.1] * (n_negative - 1)
    first = collect(labels, scores, [level()] * len(labels), edges=EDGES)
    assert (refined_edges(first) is not None) == refined
