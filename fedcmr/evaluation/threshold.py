"""The operating point, chosen once on the pooled validation cases and then kept."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from fedcmr.evaluation.sums import StratumSums

Rule = Literal["youden", "sensitivity_90"]


@dataclass(frozen=True)
class Threshold:
    """A score at or above `value` is called positive; bins from `edge` on lie there."""

    edge: int
    value: float
    rule: str


def choose_threshold(validation: StratumSums, rule: Rule) -> Threshold:
    """Return the edge with the largest sensitivity + specificity, or the most specific one
    among those with a sensitivity of at least 0.90.

    Of equally good edges the middle one is taken: between two separated classes that is the one
    farthest from both. Without cases of both classes there is nothing to choose by: the middle of
    the scale, and the rule says so.
    """
    bins = len(validation.positive)
    n_positive, n_negative = validation.positives, validation.negatives
    if n_positive == 0 or n_negative == 0:
        edge = bins // 2
        return Threshold(edge, edge / bins, "middle: validation lacks a class")
    # Whole numbers throughout, so that equal edges compare equal.
    true_positive = np.cumsum(validation.positive[::-1])[::-1]
    true_negative = n_negative - np.cumsum(validation.negative[::-1])[::-1]
    if rule == "youden":
        merit = true_positive * n_negative + true_negative * n_positive
    else:
        enough = 10 * true_positive >= 9 * n_positive
        merit = np.where(enough, true_negative * (n_positive + 1) + true_positive, -1)
    best = np.flatnonzero(merit == merit.max())
    edge = int(best[len(best) // 2])
    return Threshold(edge, edge / bins, rule)
