"""DeLong's variance of an area from histograms, and areas on the logit scale."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fedcmr.evaluation.intervals import Interval, expit, logit_interval
from fedcmr.evaluation.roc import auc
from fedcmr.evaluation.sums import StratumSums

NO_VARIANCE = 1e-12
"""At or below it a variance is rounding: the classes are apart, or every case is tied."""


@dataclass(frozen=True)
class LogitAuc:
    """An area on the logit scale with its variance there."""

    logit: float
    variance: float


def delong_variance(sums: StratumSums) -> float:
    """Return the variance of the area by placement values; nan where a class has one case.

    DeLong, DeLong and Clarke-Pearson 1988, equations 4 to 6: a case's placement is the part of
    the other class that it is ordered against rightly, ties one half; here each bin has one
    placement, weighted by the cases in it.

    Raises:
        DataError: a class has no case.
    """
    area = auc(sums).value
    positive = np.array(sums.positive, dtype=np.float64)
    negative = np.array(sums.negative, dtype=np.float64)
    n_positive, n_negative = positive.sum(), negative.sum()
    if min(n_positive, n_negative) < 2:
        return math.nan
    placed_positive = (np.cumsum(negative) - negative / 2) / n_negative
    placed_negative = 1 - (np.cumsum(positive) - positive / 2) / n_positive
    spread_positive = positive @ np.square(placed_positive - area) / (n_positive - 1)
    spread_negative = negative @ np.square(placed_negative - area) / (n_negative - 1)
    return float(spread_positive / n_positive + spread_negative / n_negative)


def logit_auc(sums: StratumSums) -> LogitAuc:
    """Return the area on the logit scale by the delta method.

    Where DeLong's variance says nothing (classes apart, all tied, a class of one case) the area
    is taken as a proportion of m = min(n+, n-) independent pairs, with 1/2 added to either count
    (Haldane 1956): the only pairs that are surely independent, hence wide rather than narrow.

    Raises:
        DataError: a class has no case.
    """
    area, variance = auc(sums).value, delong_variance(sums)
    if variance > NO_VARIANCE:
        spread = area * (1 - area)
        return LogitAuc(math.log(area / (1 - area)), variance / spread**2)
    pairs = min(sums.positives, sums.negatives)
    right, wrong = pairs * area + 0.5, pairs * (1 - area) + 0.5
    return LogitAuc(math.log(right / wrong), 1 / right + 1 / wrong)


def auc_interval(sums: StratumSums) -> Interval:
    """Return the area with its 95 % interval.

    Raises:
        DataError: a class has no case.
    """
    area = logit_auc(sums)
    return logit_interval(auc(sums).value, area.logit, area.variance)


def within_site_auc(sites: Sequence[StratumSums]) -> Interval:
    """Return the mean area of one or more sites, weighted by inverse variance on the logit scale.

    A pooled area also compares a case of one site with a case of another; this one does not.

    Raises:
        DataError: a site has no case of a class.
    """
    areas = [logit_auc(site) for site in sites]
    precision = sum(1 / area.variance for area in areas)
    mean = sum(area.logit / area.variance for area in areas) / precision
    return logit_interval(expit(mean), mean, 1 / precision)
