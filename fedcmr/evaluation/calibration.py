"""Slope and intercept of calibration by Newton steps, of which each is one sum over all sites.

The model is logit P(class 1) = intercept + slope x with x the logit of the score (Cox 1958). At
given coefficients a site sums up its gradient and Hessian; the coordinator adds them up and takes
the step. The result is that of the pooled cases: nothing is lost to bins.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from fedcmr.errors import ConfigurationError
from fedcmr.evaluation.edges import SMALLEST_SCORE
from fedcmr.evaluation.intervals import Z95
from fedcmr.evaluation.results import Estimate
from fedcmr.settings import Settings, parse_json
from fedcmr.types import DoubleArray

MOST_STEPS = 20
"""Questions that a site answers of one evaluation, and so the most Newton steps."""

CLOSE_ENOUGH = 1e-10
"""Half the Newton decrement, nats: what the likelihood can still gain."""

SEPARATED = math.log(2)
"""Below this sum of losses every case is nearer to its class than to the other one: a line
separates the classes, and there is no best fit, for a steeper one is always better."""

LARGEST = 1000.0
"""Coefficients beyond it are those of separated classes, for which there is no best fit."""

WORST_CONDITION = 1e12
"""Of a Hessian beyond which its inverse means nothing: all scores are alike."""

Coefficient = Annotated[float, Field(strict=True, ge=-LARGEST, le=LARGEST)]


class CalibrationSums(Settings):
    """Sums over cases at given coefficients, p the probability there, x the logit of the score."""

    schema_version: Literal[1] = 1
    intercept: Coefficient
    slope: Coefficient
    n: int = Field(strict=True, ge=0)
    loss: float = Field(strict=True, ge=0, description="sum of -log p of the true class, nats")
    gradient: tuple[float, float] = Field(description="sums of y - p and of (y - p) x")
    hessian: tuple[float, float, float] = Field(description="sums of w, w x, w x^2; w = p (1 - p)")

    def __add__(self, other: "CalibrationSums") -> "CalibrationSums":
        """Return the sums over the cases of both, which are at the same coefficients."""
        return self.model_copy(
            update={
                "n": self.n + other.n,
                "loss": self.loss + other.loss,
                "gradient": tuple(map(sum, zip(self.gradient, other.gradient, strict=True))),
                "hessian": tuple(map(sum, zip(self.hessian, other.hessian, strict=True))),
            }
        )

    def to_json(self) -> str:
        """Return the text that travels."""
        return self.canonical_json()

    @classmethod
    def from_json(
        cls, text: str, *, intercept: float, slope: float, where: str
    ) -> "CalibrationSums":
        """Read what a site answered at the coefficients; `where` names the site in the error.

        Raises:
            ConfigurationError: not such sums, or at other coefficients.
        """
        sums = parse_json(text, cls, where=where)
        if (sums.intercept, sums.slope) != (intercept, slope):
            raise ConfigurationError("sums at other coefficients than asked", where=where)
        return sums


@dataclass(frozen=True)
class Fit:
    """The best coefficients, and how many times the sites were asked."""

    intercept: Estimate
    slope: Estimate
    steps: int


def calibration_sums(
    labels: ArrayLike, scores: ArrayLike, intercept: float, slope: float
) -> CalibrationSums:
    """Sum up cases with labels (N,) of 0 and 1 and scores (N,) in [0, 1]."""
    y = np.asarray(labels, dtype=np.float64)
    score = np.asarray(scores, dtype=np.float64).clip(SMALLEST_SCORE, 1 - SMALLEST_SCORE)
    x = np.log(score / (1 - score))
    linear = intercept + slope * x
    p = 0.5 * (1 + np.tanh(linear / 2))
    weight = p * (1 - p)
    return CalibrationSums(
        intercept=intercept,
        slope=slope,
        n=len(y),
        loss=float(np.logaddexp(0, np.where(y == 1, -linear, linear)).sum()),
        gradient=(float((y - p).sum()), float((y - p) @ x)),
        hessian=(float(weight.sum()), float(weight @ x), float(weight @ np.square(x))),
    )


def fit(ask: Callable[[float, float], CalibrationSums]) -> Fit | None:
    """Return the maximum-likelihood coefficients; None where there are none.

    Args:
        ask: gives the pooled sums at an intercept and a slope; called at most MOST_STEPS times.
    """
    # From no slope at all: elsewhere certain scores leave next to no weight to step by.
    at = ask(0.0, 0.0)
    step, fraction = _newton(at), 1.0
    for asked in range(1, MOST_STEPS + 1):
        if step is None or at.loss < SEPARATED:
            return None
        if float(step @ at.gradient) / 2 < CLOSE_ENOUGH:
            return _fit(at, asked)
        there = [at.intercept + fraction * float(step[0]), at.slope + fraction * float(step[1])]
        if asked == MOST_STEPS or max(map(abs, there)) > LARGEST:
            return None
        found = ask(*there)
        if found.loss > at.loss + CLOSE_ENOUGH:
            fraction /= 2  # overshot
        else:
            at, step, fraction = found, _newton(found), 1.0
    return None


def _newton(at: CalibrationSums) -> DoubleArray | None:
    matrix = _hessian(at)
    if not np.isfinite(matrix).all() or np.linalg.cond(matrix) > WORST_CONDITION:
        return None
    return np.linalg.solve(matrix, np.array(at.gradient))


def _hessian(at: CalibrationSums) -> DoubleArray:
    one, x, square = at.hessian
    return np.array([[one, x], [x, square]])


def _fit(at: CalibrationSums, steps: int) -> Fit:
    half = [Z95 * math.sqrt(value) for value in np.diag(np.linalg.inv(_hessian(at)))]
    return Fit(
        intercept=Estimate(
            value=at.intercept, low=at.intercept - half[0], high=at.intercept + half[0]
        ),
        slope=Estimate(value=at.slope, low=at.slope - half[1], high=at.slope + half[1]),
        steps=steps,
    )
