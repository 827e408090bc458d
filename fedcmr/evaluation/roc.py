"""Area under the ROC curve from histograms, with the most by which binning can move it."""

from dataclasses import dataclass

import numpy as np

from fedcmr.errors import DataError
from fedcmr.evaluation.edges import WIDEST_BOUND, Edges, quantile_edges
from fedcmr.evaluation.sums import EvaluationSums, StratumSums


@dataclass(frozen=True)
class Auc:
    """An area and its bound: the exact area of the case scores is within `bound` of `value`."""

    value: float
    bound: float


def auc(sums: StratumSums) -> Auc:
    """Return the area under the trapezoidal ROC curve of two histograms.

    A pair in one bin counts one half; its true contribution is 0, 1/2 or 1, hence the bound of
    half the pairs that share a bin.

    Raises:
        DataError: a class has no case.
    """
    positive = np.array(sums.positive, dtype=np.float64)
    negative = np.array(sums.negative, dtype=np.float64)
    pairs = positive.sum() * negative.sum()
    if pairs == 0:
        raise DataError("an AUC needs cases of both classes")
    below = np.cumsum(negative) - negative
    return Auc(
        value=float(positive @ (2 * below + negative) / (2 * pairs)),
        bound=float(positive @ negative / (2 * pairs)),
    )


def refined_edges(sums: EvaluationSums) -> Edges | None:
    """Return the edges for a second pass; None where the bound is narrow or a class is missing.

    The old edges stay, with thresholds on them.
    """
    cases = sums.overall
    if min(cases.positives, cases.negatives) == 0 or auc(cases).bound <= WIDEST_BOUND:
        return None
    added = quantile_edges(
        sums.edges,
        np.array(cases.positive, dtype=np.float64),
        np.array(cases.negative, dtype=np.float64),
    )
    return tuple(sorted({*sums.edges, *added}))
