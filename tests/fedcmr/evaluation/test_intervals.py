import math

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from fedcmr.evaluation.intervals import Z95, expit, f1_interval, logit_interval, two_sided, wilson


@pytest.mark.parametrize(
    ("successes", "n"), [(0, 1), (1, 1), (0, 10), (10, 10), (7, 10), (450, 500)]
)
def test_wilson_is_that_of_scipy(successes: int, n: int) -> None:
    expected = binomtest(successes, n).proportion_ci(method="wilson")
    interval = wilson(successes, n)
    assert interval.value == successes / n
    assert interval.low == pytest.approx(expected.low, abs=1e-9)
    assert interval.high == pytest.approx(expected.high, abs=1e-9)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1


def test_z_is_the_normal_quantile() -> None:
    assert math.erf(Z95 / math.sqrt(2)) == pytest.approx(0.95, abs=1e-12)


@pytest.mark.parametrize(("logit", "expected"), [(0, 0.5), (2, 0.880797), (-2, 0.119203)])
def test_expit(logit: float, expected: float) -> None:
    assert expit(logit) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("logit", [-1e4, 1e4])
def test_expit_does_not_overflow(logit: float) -> None:
    assert expit(logit) in (0.0, 1.0)


def test_logit_interval_holds_the_value() -> None:
    interval = logit_interval(1.0, 3.0, 0.01)
    assert interval.low == pytest.approx(expit(3.0 - 0.1 * Z95))
    assert interval.high == 1.0


@pytest.mark.parametrize("z", [0.0, 1.5, -1.959963984540054, 8.0])
def test_two_sided_p_is_that_of_the_normal_distribution(z: float) -> None:
    assert two_sided(z) == pytest.approx(2 * norm.sf(abs(z)), rel=1e-12)


def test_f1_interval_covers() -> None:
    rng = np.random.default_rng(8)
    counts = rng.multinomial(120, (0.25, 0.15, 0.1, 0.5), size=2000)
    true_f1 = 0.5 / (0.5 + 0.15 + 0.1)
    covered = [
        (part := f1_interval(tp, fp, fn)).low <= true_f1 <= part.high
        for tp, fp, fn, _ in counts.tolist()
    ]
    assert 0.93 <= np.mean(covered) <= 0.97


def test_f1_of_nothing_found_is_0() -> None:
    assert f1_interval(0, 3, 7).value == 0
    assert f1_interval(4, 0, 0).high == 1
