"""95 % intervals of proportions and of areas on the logit scale."""

import math

from fedcmr.evaluation.results import Estimate

Z95 = 1.959963984540054
"""97.5 % quantile of the normal distribution."""


def wilson(successes: int, n: int) -> Estimate:
    """Return the score interval of a proportion (Wilson 1927); n must be above 0."""
    p, z2 = successes / n, Z95**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    # At 0 and n the end is the estimate itself; rounding must not put it on the other side.
    return Estimate(value=p, low=min(p, max(0.0, centre - half)), high=max(p, centre + half))


def f1_interval(true_positive: int, false_positive: int, false_negative: int) -> Estimate:
    """Return F1 with its interval; at least one of the counts must be above 0.

    F1 = 2 J / (1 + J) of J = TP / (TP + FP + FN), a proportion, whose Wilson interval is carried
    over (Lam 2023, "Confidence intervals for the F1 score", the indirect Wilson method).
    """
    part = wilson(true_positive, true_positive + false_positive + false_negative)
    value, low, high = (2 * j / (1 + j) for j in (part.value, part.low, part.high))
    return Estimate(value=value, low=low, high=high)


def expit(logit: float) -> float:
    """Return 1 / (1 + exp(-logit)) without overflow."""
    return 0.5 * (1 + math.tanh(logit / 2))


def logit_interval(value: float, logit: float, variance: float, quantile: float = Z95) -> Estimate:
    """Return the interval expit(logit -+ quantile sqrt(variance)), widened to hold `value`."""
    half = quantile * math.sqrt(variance)
    return Estimate(
        value=value, low=min(value, expit(logit - half)), high=max(value, expit(logit + half))
    )


def two_sided(z: float) -> float:
    """Return the probability that a standard normal number is at least as far from 0 as z."""
    return math.erfc(abs(z) / math.sqrt(2))
