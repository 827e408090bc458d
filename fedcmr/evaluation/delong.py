"""DeLong's variance of an area from histograms, and areas on the logit scale."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from fedcmr.evaluation.intervals import Z95, logit_interval
from fedcmr.evaluation.results import AucEstimate
from fedcmr.evaluation.roc import Auc, auc
from fedcmr.evaluation.sums import StratumSums
from fedcmr.types import DoubleArray

NO_VARIANCE = 1e-12
"""At or below it a variance is rounding: the classes are apart, or every case is tied."""


@dataclass(frozen=True)
class Area:
    """An area with its variance, as it is and on the logit scale."""

    auc: Auc
    variance: float
    freedom: float
    """Degrees of freedom of the variance; infinite where they do not matter."""
    logit: float
    logit_variance: float


def placements(
    positive: DoubleArray, negative: DoubleArray, ahead: DoubleArray | float = 0.5
) -> tuple[DoubleArray, DoubleArray]:
    """Return the placement of a positive and of a negative case in each bin, (bins,) both.

    A case's placement is the part of the other class that it is ordered against rightly, ties one
    half (DeLong, DeLong and Clarke-Pearson 1988, equations 4 and 5).

    Args:
        positive: counts (bins,).
        negative: counts (bins,).
        ahead: part of the pairs inside a bin (bins,) whose positive case is above the negative one.
    """
    of_positive = (np.cumsum(negative) - negative * (1 - ahead)) / negative.sum()
    of_negative = 1 - (np.cumsum(positive) - positive * ahead) / positive.sum()
    return of_positive, of_negative


def delong_variance(sums: StratumSums) -> float:
    """Return the variance of the area by placement values; nan where a class has one case.

    Raises:
        DataError: a class has no case.
    """
    return sum(_parts(sums))


def area(sums: StratumSums) -> Area:
    """Return the area with its variance, the logit one by the delta method.

    Degrees of freedom by Satterthwaite from the two classes (Brunner and Munzel 2000): with few
    cases of a class the variance itself is uncertain. Where DeLong's variance says nothing (classes
    apart, all tied, a class of one case) the area is taken as a proportion of m = min(n+, n-)
    independent pairs, with 1/2 added to either count (Haldane 1956): the only pairs that are surely
    independent, hence wide rather than narrow.

    Raises:
        DataError: a class has no case.
    """
    value = auc(sums)
    of_positive, of_negative = _parts(sums)
    variance = of_positive + of_negative
    if variance > NO_VARIANCE:
        spread = value.value * (1 - value.value)
        freedom = variance**2 / (
            of_positive**2 / (sums.positives - 1) + of_negative**2 / (sums.negatives - 1)
        )
        logit = math.log(value.value / (1 - value.value))
        return Area(value, variance, freedom, logit, variance / spread**2)
    pairs = min(sums.positives, sums.negatives)
    right, wrong = pairs * value.value + 0.5, pairs * (1 - value.value) + 0.5
    spread = right * wrong / (pairs + 1) ** 2
    logit_variance = 1 / right + 1 / wrong
    return Area(
        value, logit_variance * spread**2, math.inf, math.log(right / wrong), logit_variance
    )


def auc_interval(sums: StratumSums) -> AucEstimate:
    """Return the area with its 95 % interval on the logit scale, and the bound of binning.

    Raises:
        DataError: a class has no case.
    """
    of = area(sums)
    quantile = Z95 if math.isinf(of.freedom) else float(student.ppf(0.975, of.freedom))
    interval = logit_interval(of.auc.value, of.logit, of.logit_variance, quantile)
    return AucEstimate(**interval.model_dump(), bound=of.auc.bound)


def _parts(sums: StratumSums) -> tuple[float, float]:
    """Return what the positive and the negative cases add to the variance."""
    value = auc(sums).value
    positive = np.array(sums.positive, dtype=np.float64)
    negative = np.array(sums.negative, dtype=np.float64)
    n_positive, n_negative = positive.sum(), negative.sum()
    if min(n_positive, n_negative) < 2:
        return math.nan, math.nan
    of_positive, of_negative = placements(positive, negative)
    spread_positive = positive @ np.square(of_positive - value) / (n_positive - 1)
    spread_negative = negative @ np.square(of_negative - value) / (n_negative - 1)
    return float(spread_positive / n_positive), float(spread_negative / n_negative)
