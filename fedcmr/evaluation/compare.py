"""Groups of different cases compared: Holm's correction, worst group, largest gap, alarms."""

import math
from collections.abc import Sequence
from itertools import combinations

from scipy.stats import t as student

from fedcmr.evaluation.delong import area, auc_interval
from fedcmr.evaluation.intervals import two_sided
from fedcmr.evaluation.results import Alarm, Estimate, Gap
from fedcmr.evaluation.strata import Columns
from fedcmr.evaluation.sums import StratumSums

ALARM = 0.05
"""Adjusted p below which a group is named."""


def holm(p: Sequence[float]) -> list[float]:
    """Return adjusted p values in the order given (Holm 1979)."""
    adjusted, largest = [1.0] * len(p), 0.0
    for rank, index in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        largest = max(largest, min(1.0, (len(p) - rank) * p[index]))
        adjusted[index] = largest
    return adjusted


def unpaired(first: StratumSums, second: StratumSums) -> tuple[Estimate, float]:
    """Return first area less second one of two sets of cases without a common one, and its p.

    Student's t with Satterthwaite's degrees of freedom over both areas' variances.

    Raises:
        DataError: a class has no case.
    """
    a, b = area(first), area(second)
    variance = a.variance + b.variance
    spread = math.sqrt(variance)
    freedom = variance**2 / (a.variance**2 / a.freedom + b.variance**2 / b.freedom or math.nan)
    free = math.inf if math.isnan(freedom) else freedom
    difference = a.auc.value - b.auc.value
    half = float(student.ppf(0.975, free)) * spread
    low, high = max(-1.0, difference - half), min(1.0, difference + half)
    p = 2 * float(student.sf(abs(difference) / spread, free))
    return Estimate(value=difference, low=low, high=high), p


def gap(groups: Sequence[StratumSums]) -> Gap:
    """Return worst and best of two or more levels of one view.

    Raises:
        DataError: a group has no case of a class.
    """
    ranked = sorted(groups, key=lambda group: (area(group).auc.value, group.level))
    worst, best = ranked[0], ranked[-1]
    pairs = list(combinations(ranked, 2))
    adjusted = holm([unpaired(b, a)[1] for a, b in pairs])
    return Gap(
        by=worst.by,
        worst=worst.level,
        worst_auc=auc_interval(worst),
        best=best.level,
        best_auc=auc_interval(best),
        difference=unpaired(best, worst)[0],
        p_holm=adjusted[pairs.index((worst, best))],
    )


def gaps(groups: Sequence[StratumSums]) -> tuple[Gap, ...]:
    """Return the gap of every view that has two levels among the groups."""
    views: dict[Columns, list[StratumSums]] = {}
    for group in groups:
        views.setdefault(group.by, []).append(group)
    return tuple(gap(members) for members in views.values() if len(members) > 1)


def against(groups: Sequence[StratumSums], overall: StratumSums) -> list[float]:
    """Return the Holm-adjusted p of each group's area against the overall one, taken as fixed.

    A group is part of the whole, so that the two vary together: the variance of their difference
    is below the group's own, and the test errs on the side of silence.

    Raises:
        DataError: a group has no case of a class.
    """
    whole = area(overall)
    return holm(
        [
            2
            * float(student.sf(abs(a.logit - whole.logit) / math.sqrt(a.logit_variance), a.freedom))
            if math.isfinite(a.freedom)
            else two_sided((a.logit - whole.logit) / math.sqrt(a.logit_variance))
            for a in map(area, groups)
        ]
    )


def alarms(
    groups: Sequence[StratumSums], adjusted: Sequence[float], overall: StratumSums
) -> tuple[Alarm, ...]:
    """Return the groups whose area differs from the overall one."""
    whole = area(overall).auc.value
    return tuple(
        Alarm(
            by=group.by,
            level=group.level,
            auc=(found := auc_interval(group)),
            overall=whole,
            p_holm=p,
            direction="lower" if found.value < whole else "higher",
        )
        for group, p in zip(groups, adjusted, strict=True)
        if p < ALARM
    )
