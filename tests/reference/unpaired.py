"""Two areas on different cases, as `roc.test(paired = FALSE)` of the R package pROC."""

from collections.abc import Sequence
from math import sqrt
from statistics import mean, variance

from reference.delong import slow_freedom, slow_placements
from scipy.stats import t

Cases = tuple[Sequence[int], Sequence[float]]
"""Labels and scores."""


def slow_unpaired(first: Cases, second: Cases) -> tuple[float, float]:
    """Difference of the areas, and its two-sided p with Satterthwaite's degrees of freedom."""
    areas, variances, freedoms = [], [], []
    for cases in (first, second):
        placed = slow_placements(*cases)
        areas.append(mean(placed[0]))
        variances.append(sum(variance(p) / len(p) for p in placed))
        freedoms.append(slow_freedom(*cases))
    total = sum(variances)
    freedom = total**2 / sum(v**2 / f for v, f in zip(variances, freedoms, strict=True))
    difference = areas[0] - areas[1]
    return difference, 2 * t.sf(abs(difference) / sqrt(total), freedom)
