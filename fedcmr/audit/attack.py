"""How well a score tells members of the training set from others."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta, rankdata

from fedcmr.evaluation.intervals import logit_interval, wilson
from fedcmr.evaluation.results import Estimate
from fedcmr.types import DoubleArray

FALSE_POSITIVES = 0.01
"""The rate at which Carlini et al. (IEEE S&P 2022) compare attacks: accusing few, but rightly."""
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Attack:
    """Result of one attack; the unit is the patient."""

    name: str
    members: int
    others: int
    auc: Estimate
    """0.5: no better than guessing."""
    tpr: Estimate
    """Members found when at most 1 % of the others are accused; Wilson's interval, with the
    threshold taken as given."""
    least_epsilon: float
    """With 95 % confidence the training spent at least this; 0 where the attack shows nothing."""


def judge(name: str, members: DoubleArray, others: DoubleArray, *, delta: float) -> Attack:
    """Judge scores, higher for suspected members.

    Args:
        name: of the attack.
        members: (M,), M >= 2.
        others: (N,), N >= 2.
        delta: at which epsilon is meant.
    """
    accused = math.floor(FALSE_POSITIVES * len(others))
    threshold = np.sort(others)[::-1][accused]
    return Attack(
        name=name,
        members=len(members),
        others=len(others),
        auc=_auc(members, others),
        tpr=wilson(int((members > threshold).sum()), len(members)),
        least_epsilon=least_epsilon(members, others, delta),
    )


def least_epsilon(members: DoubleArray, others: DoubleArray, delta: float) -> float:
    """Return the epsilon that the scores prove, at 95 % confidence.

    Under (epsilon, delta) TPR <= e^epsilon FPR + delta at every threshold, and the same of those
    who are not accused (Kairouz, Oh & Viswanath 2015). Clopper-Pearson limits of both rates,
    shared out over all thresholds (Bonferroni), as in Jagielski et al., NeurIPS 2020.
    """
    thresholds = np.unique(np.concatenate((members, others)))
    level = (1 - CONFIDENCE) / (4 * len(thresholds))  # two rates, two directions
    proofs = [0.0]
    for threshold in thresholds:
        found = int((members >= threshold).sum())
        accused = int((others >= threshold).sum())
        proofs.append(_proof(found, len(members), accused, len(others), level, delta))
        spared, missed = len(others) - accused, len(members) - found
        proofs.append(_proof(spared, len(others), missed, len(members), level, delta))
    return max(proofs)


def _proof(hits: int, right: int, errors: int, wrong: int, level: float, delta: float) -> float:
    low = _lower(hits, right, level)
    high = 1 - _lower(wrong - errors, wrong, level)
    return math.log((low - delta) / high) if low > delta else 0.0


def bound(epsilon: float, delta: float) -> float:
    """Return the most that any attack can find at 1 % false positives."""
    return min(1.0, math.exp(min(epsilon, 100.0)) * FALSE_POSITIVES + delta)


def _auc(members: DoubleArray, others: DoubleArray) -> Estimate:
    """Return the area with DeLong's (1988) interval on the logit scale."""
    m, n = len(members), len(others)
    ranks = rankdata(np.concatenate((members, others)))
    above = (ranks[:m] - rankdata(members)) / n
    below = 1 - (ranks[m:] - rankdata(others)) / m
    area = float(above.mean())
    # Half a pair keeps the logit finite where the attack is perfect.
    inner = min(max(area, 0.5 / (m * n)), 1 - 0.5 / (m * n))
    variance = float(above.var(ddof=1)) / m + float(below.var(ddof=1)) / n
    slope = inner * (1 - inner)
    return logit_interval(area, math.log(inner / (1 - inner)), variance / slope**2)


def _lower(successes: int, n: int, level: float) -> float:
    """Return the Clopper-Pearson lower limit of a proportion, one-sided at `level`."""
    return float(beta.ppf(level, successes, n - successes + 1)) if successes else 0.0
