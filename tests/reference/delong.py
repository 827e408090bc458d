"""DeLong's variance and paired test by placement values, one case at a time."""

from collections.abc import Sequence
from math import erfc, sqrt
from statistics import mean, variance

Placed = tuple[list[float], list[float]]
"""Placement of each positive and of each negative case, in the order given."""


def slow_placements(labels: Sequence[int], scores: Sequence[float]) -> Placed:
    """Part of the other class that each case is ordered against rightly, ties one half."""
    positive = [score for label, score in zip(labels, scores, strict=True) if label == 1]
    negative = [score for label, score in zip(labels, scores, strict=True) if label == 0]

    def ordered(p: float, n: float) -> float:
        return 1.0 if p > n else 0.5 if p == n else 0.0

    return (
        [sum(ordered(p, n) for n in negative) / len(negative) for p in positive],
        [sum(ordered(p, n) for p in positive) / len(positive) for n in negative],
    )


def slow_delong_variance(labels: Sequence[int], scores: Sequence[float]) -> float:
    """Variance of the area (DeLong, DeLong, Clarke-Pearson 1988)."""
    return sum(variance(placed) / len(placed) for placed in slow_placements(labels, scores))


def slow_freedom(labels: Sequence[int], scores: Sequence[float]) -> float:
    """Satterthwaite's degrees of freedom of that variance."""
    parts = [(variance(p) / len(p), len(p)) for p in slow_placements(labels, scores)]
    return sum(v for v, _ in parts) ** 2 / sum(v**2 / (n - 1) for v, n in parts)


def slow_paired_delong(
    labels: Sequence[int], scores: Sequence[float], others: Sequence[float]
) -> tuple[float, float]:
    """Difference of two areas on the same cases, and its two-sided p."""
    gaps = [
        [a - b for a, b in zip(ours, theirs, strict=True)]
        for ours, theirs in zip(
            slow_placements(labels, scores), slow_placements(labels, others), strict=True
        )
    ]
    spread = sqrt(sum(variance(gap) / len(gap) for gap in gaps))
    return mean(gaps[0]), erfc(abs(mean(gaps[0])) / spread / sqrt(2))
