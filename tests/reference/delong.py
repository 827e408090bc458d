"""DeLong's variance by placement values, one case at a time."""

from collections.abc import Sequence
from statistics import variance


def slow_delong_variance(labels: Sequence[int], scores: Sequence[float]) -> float:
    """Variance of the area (DeLong, DeLong, Clarke-Pearson 1988)."""
    positive = [score for label, score in zip(labels, scores, strict=True) if label == 1]
    negative = [score for label, score in zip(labels, scores, strict=True) if label == 0]

    def ordered(p: float, n: float) -> float:
        return 1.0 if p > n else 0.5 if p == n else 0.0

    of_positive = [sum(ordered(p, n) for n in negative) / len(negative) for p in positive]
    of_negative = [sum(ordered(p, n) for p in positive) / len(positive) for n in negative]
    return variance(of_positive) / len(positive) + variance(of_negative) / len(negative)
