"""Federated Newton steps give the fit of the pooled cases."""

import json
from collections.abc import Callable
from functools import reduce

import numpy as np
import pytest
from case_files import EDGES
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from fedcmr.errors import ConfigurationError
from fedcmr.evaluation.calibration import (
    MOST_STEPS,
    CalibrationSums,
    Fit,
    calibration_sums,
    fit,
)

Parts = list[tuple[np.ndarray, np.ndarray]]


def _fit(parts: Parts) -> Fit | None:
    asked = []

    def ask(intercept: float, slope: float) -> CalibrationSums:
        asked.append((intercept, slope))
        return reduce(
            CalibrationSums.__add__,
            [
                CalibrationSums.from_json(
                    calibration_sums(labels, scores, intercept, slope).to_json(),
                    intercept=intercept,
                    slope=slope,
                    where="site",
                )
                for labels, scores in parts
            ],
        )

    found = fit(ask)
    assert len(asked) <= MOST_STEPS
    assert found is None or found.steps == len(asked)
    return found


def _slow_deviance(at: np.ndarray, labels: np.ndarray, scores: np.ndarray) -> float:
    loss = 0.0
    for label, score in zip(labels, scores, strict=True):
        p = 1 / (1 + np.exp(-(at[0] + at[1] * np.log(score / (1 - score)))))
        loss -= np.log(p if label else 1 - p)
    return loss


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("power", [0.3, 1.0, 3.0])
def test_federated_steps_find_the_pooled_fit(cases: Callable, seed: int, power: float) -> None:
    parts = [cases(n, seed * 10 + n)[:2] for n in (60, 90, 45)]
    parts = [(y, s**power / (s**power + (1 - s) ** power)) for y, s in parts]
    found = _fit(parts)
    assert found is not None
    labels, scores = (np.concatenate(part) for part in zip(*parts, strict=True))
    x = np.log(scores / (1 - scores))
    oracle = LogisticRegression(C=np.inf, tol=1e-12, max_iter=1000).fit(x[:, None], labels)
    assert found.slope.value == pytest.approx(oracle.coef_[0, 0], rel=1e-4)
    assert found.intercept.value == pytest.approx(oracle.intercept_[0], abs=1e-4)
    slow = minimize(_slow_deviance, (0.0, 1.0), args=(labels, scores), tol=1e-10)
    assert (found.intercept.value, found.slope.value) == pytest.approx(slow.x, abs=1e-4)


def test_intervals_are_those_of_the_information_matrix(cases: Callable) -> None:
    labels, scores, _ = cases(300)
    found = _fit([(labels, scores)])
    assert found is not None
    x = np.stack([np.ones(300), np.log(scores / (1 - scores))])
    p = 1 / (1 + np.exp(-(found.intercept.value + found.slope.value * x[1])))
    errors = np.sqrt(np.diag(np.linalg.inv((x * p * (1 - p)) @ x.T)))
    for estimate, error in zip((found.intercept, found.slope), errors, strict=True):
        assert estimate.high - estimate.low == pytest.approx(2 * 1.959964 * error, rel=1e-5)


def test_calibrated_scores_have_slope_one() -> None:
    rng = np.random.default_rng(11)
    scores = rng.beta(1.5, 2, 20_000)
    found = _fit([((rng.random(20_000) < scores).astype(int), scores)])
    assert found is not None
    assert found.slope.low < 1 < found.slope.high
    assert found.intercept.low < 0 < found.intercept.high


@pytest.mark.parametrize(
    ("labels", "scores"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]),
        ([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5]),
        ([1, 1, 1], [0.2, 0.5, 0.7]),
        ([], []),
    ],
)
def test_where_there_is_no_best_fit_none_is_given(labels: list[int], scores: list[float]) -> None:
    assert _fit([(np.array(labels), np.array(scores))]) is None


@pytest.mark.parametrize("n", [6, 40, 2000])
def test_separated_classes_are_known_before_all_questions_are_asked(n: int) -> None:
    labels = np.arange(n) % 2
    scores = 0.1 + 0.3 * np.random.default_rng(13).random(n) + 0.4 * labels
    asked = []

    def ask(intercept: float, slope: float) -> CalibrationSums:
        asked.append(slope)
        return calibration_sums(labels, scores, intercept, slope)

    assert fit(ask) is None
    assert len(asked) <= MOST_STEPS // 2


def test_one_case_on_the_wrong_side_is_enough_for_a_fit() -> None:
    scores = np.concatenate([np.linspace(0.01, 0.4, 50), np.linspace(0.6, 0.99, 50), [0.7]])
    labels = np.repeat([0, 1, 0], [50, 50, 1])
    assert _fit([(labels, scores)]) is not None


def test_scores_at_the_ends_of_the_scale_are_finite() -> None:
    rng = np.random.default_rng(12)
    labels = rng.integers(0, 2, 200)
    scores = np.where(rng.random(200) < 0.8, labels, 1 - labels).astype(float)
    assert _fit([(labels, scores)]) is not None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"slope": 2.0}, "other coefficients"),
        ({"slope": 1001.0}, "less than or equal"),
        ({"n": -1}, "greater than or equal"),
        ({"gradient": [0.0]}, "(?i)field required|at least"),
        ({"hessian": [0.0, float("nan"), 1.0]}, "finite"),
    ],
)
def test_sums_that_cannot_be_true_are_refused(
    cases: Callable, change: dict[str, object], words: str
) -> None:
    data = json.loads(calibration_sums(*cases(20)[:2], 0.0, 1.0).to_json()) | change
    with pytest.raises(ConfigurationError, match=words):
        CalibrationSums.from_json(json.dumps(data), intercept=0.0, slope=1.0, where="site a")


def test_more_bins_are_not_needed(cases: Callable) -> None:
    # The fit does not depend on histograms at all: scores in one bin still have a slope.
    labels, scores, _ = cases(300)
    narrow = EDGES[20] + scores * (EDGES[21] - EDGES[20]) * 0.99
    assert _fit([(labels, narrow)]) is not None


def test_steps_that_overshoot_are_halved_and_questions_end() -> None:
    asked = []

    def ask(intercept: float, slope: float) -> CalibrationSums:
        asked.append((intercept, slope))
        sums = calibration_sums([0, 1, 0, 1], [0.2, 0.4, 0.6, 0.9], 0.0, 0.0)
        worse = {"intercept": intercept, "slope": slope, "loss": sums.loss + len(asked) - 1}
        return sums.model_copy(update=worse)

    assert fit(ask) is None
    assert len(asked) == MOST_STEPS
    steps = np.array(asked)
    assert steps[2:] == pytest.approx(steps[1:-1] / 2)


def test_scores_that_are_next_to_alike_have_no_slope() -> None:
    labels, scores = np.array([0, 1, 0, 1]), np.array([0.5, 0.5, 0.5 + 1e-8, 0.5 + 1e-8])
    assert _fit([(labels, scores)]) is None
