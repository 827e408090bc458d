"""95 % intervals of proportions and of areas on the logit scale."""

import math
from dataclasses import dataclass

Z95 = 1.959963984540054
"""97.5 % quantile of the normal distribution."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float


def wilson(successes: int, n: int) -> Interval:
    """Return the score interval of a proportion (Wilson 1927); n must be above 0."""
    p, z2 = successes / n, Z95**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    # At 0 and n the end is the estimate itself; rounding must not put it on the other side.
    return Interval(value=p, low=min(p, max(0.0, centre - half)), high=max(p, centre + half))


def expit(logit: float) -> float:
    """Return 1 / (1 + exp(-logit)) without overflow."""
    return 0.5 * (1 + math.tanh(logit / 2))


def logit_interval(value: float, logit: float, variance: float) -> Interval:
    """Return the interval expit(logit -+ z sqrt(variance)) around `value`, widened to hold it."""
    half = Z95 * math.sqrt(variance)
    return Interval(
        value=value, low=min(value, expit(logit - half)), high=max(value, expit(logit + half))
    )
