"""DeLong's paired test of two models on the same cases."""

import math

import numpy as np
from scipy.special import ndtr

from fedcmr.errors import DataError
from fedcmr.evaluation.delong import NO_VARIANCE, auc_interval, placements
from fedcmr.evaluation.edges import Edges
from fedcmr.evaluation.intervals import Z95, two_sided
from fedcmr.evaluation.joint import JointSums, margin
from fedcmr.evaluation.results import Comparison, Estimate
from fedcmr.evaluation.sums import CountArray, StratumSums
from fedcmr.types import DoubleArray

Counts = tuple[DoubleArray, DoubleArray]
"""Positive and negative cases in each bin, (bins,) both."""


def paired_delong(sums: JointSums, name: str) -> Comparison:
    """Compare the areas of two models on the same cases; `name` is that of the other model.

    The difference of two areas is far more certain than either, and must not be less certain from
    bins than from cases: it takes the order inside a bin from the mean scores (see `ahead`). The
    areas themselves stand as any other, ties inside a bin, with their bounds.

    Raises:
        DataError: a class has fewer than two cases.
    """
    positive, negative = sums.positive.array, sums.negative.array

    def inside(model: int) -> DoubleArray:
        scores = (sums.positive.scores[model], sums.negative.scores[model])
        bins = len(scores[0])
        return ahead(
            (margin(positive, model, bins), margin(negative, model, bins)),
            (np.array(scores[0]), np.array(scores[1])),
            sums.edges[model],
        )

    bins = (len(sums.edges[0]) + 1, len(sums.edges[1]) + 1)
    return compare_cells(positive, negative, bins, name, (inside(0), inside(1)))


def ahead(counts: Counts, scores: Counts, edges: Edges) -> DoubleArray:
    """Return the part of the pairs inside a bin whose positive case is above, estimated, (bins,).

    With scores about uniform in a bin of width 1, one of m whose mean is known has the variance
    (1 - 1/m) / 12 around it; the difference of a positive and a negative one is taken as normal.
    One case of each is ordered as it is. For many the estimate is 1/2 + the difference of the
    means, whose correlation with Wilcoxon's statistic of uniform scores is the square root of
    1 - 1 / (m + n + 1).

    Args:
        counts: cases in each bin.
        scores: sums of their scores.
        edges: the inner edges of the bins.
    """
    (m, n), width = counts, np.diff([0.0, *edges, 1.0])
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = (scores[0] / m - scores[1] / n) / width
        z = apart / np.sqrt((2 - 1 / m - 1 / n) / 12)
    # No number: a class is missing, or one case of each has the same score.
    return np.asarray(ndtr(np.where(np.isnan(z), 0.0, z)), dtype=np.float64)


def compare_cells(
    positive: CountArray,
    negative: CountArray,
    bins: tuple[int, int],
    name: str,
    inside: tuple[DoubleArray | float, DoubleArray | float] = (0.5, 0.5),
) -> Comparison:
    """Compare two areas from cells (3, N): bin of ours, bin of theirs, cases.

    DeLong, DeLong and Clarke-Pearson 1988, equation 6 with the contrast (1, -1): each cell has one
    difference of placements, weighted by the cases in it. Where every case has the same difference
    its variance is 0 and says nothing (a perfect model against a constant one): see `_alike`.

    Args:
        positive: cells of class 1.
        negative: cells of class 0.
        bins: of either model.
        name: of the other model.
        inside: of either model, part of the pairs in a bin whose positive case is above.

    Raises:
        DataError: a class has fewer than two cases.
    """
    counts = (positive, negative)
    if min(cells[2].sum() for cells in counts) < 2:
        raise DataError("a paired comparison needs two cases of each class")
    margins = [tuple(margin(cells, model, bins[model]) for cells in counts) for model in (0, 1)]
    placed = [placements(one, zero, w) for (one, zero), w in zip(margins, inside, strict=True)]
    means, variance = [], 0.0
    for label, (ours, theirs, cases) in enumerate(counts):
        gap = placed[0][label][ours] - placed[1][label][theirs]
        n = cases.sum()
        means.append(float(cases @ gap / n))
        variance += float(cases @ np.square(gap - means[-1]) / (n - 1) / n)
    areas = [auc_interval(_stratum(*margin)) for margin in margins]
    # The mean placement is the area, of either class.
    difference = means[0]
    if variance > NO_VARIANCE:
        half = Z95 * math.sqrt(variance)
        low, high = difference - half, difference + half
        p = two_sided(difference / math.sqrt(variance))
    else:
        low, high, p = _alike(difference, int(min(cells[2].sum() for cells in counts)))
    return Comparison(
        name=name,
        n=int(sum(cells[2].sum() for cells in counts)),
        auc=areas[0],
        other=areas[1],
        difference=Estimate(value=difference, low=max(-1.0, low), high=min(1.0, high)),
        p=p,
    )


def _alike(difference: float, pairs: int) -> tuple[float, float, float]:
    """Return interval and p of a difference that is the same for every case.

    Taken as that of m = min(n+, n-) pairs of cases, the only ones that are surely independent:
    interval of Agresti and Min 2005 for matched proportions, sign test.
    """
    ours, theirs = pairs * max(difference, 0.0) + 0.5, pairs * max(-difference, 0.0) + 0.5
    centre = (ours - theirs) / (pairs + 2)
    half = Z95 * math.sqrt(ours + theirs - (ours - theirs) * centre) / (pairs + 2)
    p = 1.0 if abs(difference) < NO_VARIANCE else min(1.0, 2 * 0.5**pairs)
    return min(difference, centre - half), max(difference, centre + half), p


def _stratum(positive: DoubleArray, negative: DoubleArray) -> StratumSums:
    return StratumSums(
        by=(),
        level=(),
        positive=tuple(positive.astype(int).tolist()),
        negative=tuple(negative.astype(int).tolist()),
        loss=0.0,
        brier=0.0,
    )
