import math
from collections.abc import Callable

import numpy as np
import pytest
from case_files import equal_edges, level
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.delong import slow_delong_variance, slow_freedom
from scipy.stats import t as student

from fedcmr.evaluation.delong import auc_interval, delong_variance
from fedcmr.evaluation.intervals import Z95, expit
from fedcmr.evaluation.roc import auc
from fedcmr.evaluation.sums import StratumSums, collect


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 15)), min_size=4, max_size=50).filter(
        lambda cases: 2 <= sum(label for label, _ in cases) <= len(cases) - 2
    )
)
def test_variance_equals_the_loop_over_cases(cases: list[tuple[int, int]]) -> None:
    labels, scores = [c[0] for c in cases], [c[1] / 16 for c in cases]
    sums = collect(labels, scores, [level()] * len(cases), edges=equal_edges(16)).overall
    assert delong_variance(sums) == pytest.approx(slow_delong_variance(labels, scores), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_reference_agrees_with_mlstatkit(seed: int) -> None:
    from MLstatkit import Delong_test

    rng = np.random.default_rng(seed)
    labels = np.arange(120) % 3 == 0
    scores = np.round(rng.normal(0.7 * labels, 1), 1)
    _, _, (low, high), _ = Delong_test(
        labels.astype(int), scores, rng.random(120), return_auc=False
    )
    expected = ((high - low) / (2 * Z95)) ** 2
    assert slow_delong_variance(labels.astype(int).tolist(), scores.tolist()) == pytest.approx(
        expected, rel=1e-9
    )


def test_interval_is_the_delta_method(histogram: Callable[..., StratumSums]) -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 100).tolist()
    scores = np.round(0.3 * np.array(labels) + 0.7 * rng.random(100), 2).clip(0, 0.99).tolist()
    sums = histogram(labels, scores, bins=100)
    value, spread = auc(sums).value, math.sqrt(delong_variance(sums))
    interval = auc_interval(sums)
    quantile = student.ppf(0.975, slow_freedom(labels, scores))
    assert Z95 < quantile < 2.0
    centre, half = math.log(value / (1 - value)), quantile * spread / (value * (1 - value))
    assert interval.value == value
    assert interval.low == pytest.approx(expit(centre - half), abs=1e-12)
    assert interval.high == pytest.approx(expit(centre + half), abs=1e-12)


@pytest.mark.parametrize(
    ("labels", "scores", "value"),
    [
        ([0] * 20 + [1] * 20, [0.1] * 20 + [0.9] * 20, 1.0),
        ([0] * 20 + [1] * 20, [0.9] * 20 + [0.1] * 20, 0.0),
        ([0] * 20 + [1] * 20, [0.5] * 40, 0.5),
        ([0, 1], [0.1, 0.9], 1.0),
        ([0] * 30 + [1], [0.1] * 20 + [0.9] * 10 + [0.5], 20 / 30),
    ],
)
def test_without_a_variance_the_interval_stays_wide(
    histogram: Callable[..., StratumSums], labels: list[int], scores: list[float], value: float
) -> None:
    interval = auc_interval(histogram(labels, scores))
    assert interval.value == pytest.approx(value)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1
    # Twenty of twenty pairs: the exact 95 % bound is 0.025 ** (1 / 20) = 0.83.
    assert interval.high - interval.low > 1 - 0.025 ** (1 / 20)


def test_without_a_variance_only_pairs_of_the_smaller_class_count(
    histogram: Callable[..., StratumSums],
) -> None:
    few = auc_interval(histogram([0] * 200 + [1] * 5, [0.1] * 200 + [0.9] * 5))
    # Five and a half of six, on the logit scale (Haldane 1956).
    assert few.low == pytest.approx(expit(math.log(11) - 1.959964 * (1 / 5.5 + 2) ** 0.5), abs=1e-6)


@pytest.mark.parametrize(
    ("n", "prevalence", "shift"), [(100, 0.3, 1.0), (400, 0.1, 1.0), (200, 0.5, 2.0)]
)
def test_interval_covers_the_true_auc(n: int, prevalence: float, shift: float) -> None:
    true_auc = 0.5 * (1 + math.erf(shift / 2))
    rng = np.random.default_rng(7)
    positives = round(n * prevalence)
    covered = 0
    for _ in range(1000):
        scores = rng.normal(size=n)
        scores[:positives] += shift
        bins = np.clip(64 / (1 + np.exp(shift / 2 - scores)), 0, 63).astype(int)
        sums = StratumSums(
            by=(),
            level=(),
            positive=tuple(np.bincount(bins[:positives], minlength=64).tolist()),
            negative=tuple(np.bincount(bins[positives:], minlength=64).tolist()),
            loss=0.0,
            brier=0.0,
        )
        interval = auc_interval(sums)
        covered += interval.low <= true_auc <= interval.high
    assert 0.93 <= covered / 1000 <= 0.97
