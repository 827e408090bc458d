import math

import pytest
from scipy.stats import binomtest

from fedcmr.evaluation.intervals import Z95, expit, logit_interval, wilson


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
