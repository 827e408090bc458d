"""Operating points, chosen once on the pooled validation cases and then kept."""

from typing import Literal

import numpy as np

from fedcmr.evaluation.edges import Edges
from fedcmr.evaluation.intervals import f1_interval, wilson
from fedcmr.evaluation.results import AtThreshold, Confusion, Estimate, Threshold
from fedcmr.evaluation.sums import EvaluationSums, StratumSums

Rule = Literal["youden", "sensitivity_90", "published"]
RULES: tuple[Rule, ...] = ("youden", "sensitivity_90", "published")


def choose_threshold(
    validation: EvaluationSums, rule: Rule, *, published: float, edges: Edges
) -> Threshold:
    """Return the threshold of a rule, one of `edges` or 0.

    youden: the largest sensitivity + specificity. sensitivity_90: the most specific one with a
    sensitivity of at least 0.90. published: the edge next to the published value. Of equally good
    edges the middle one is taken: between two separated classes that is the one farthest from
    both. Without cases of both classes there is nothing to choose by: the edge next to the middle
    of the scale, and the rule says so.

    Raises:
        DataError: `edges` are not all edges of the histograms.
    """
    cases = validation.at(edges).overall
    if rule == "published":
        value = _nearest(edges, published)
        said = "published" if value == published else f"published {published:g}, nearest edge"
        return Threshold(name=rule, value=value, rule=said)
    n_positive, n_negative = cases.positives, cases.negatives
    if n_positive == 0 or n_negative == 0:
        value = _nearest(edges, 0.5)
        return Threshold(name=rule, value=value, rule="middle: validation lacks a class")
    # Whole numbers throughout, so that equal edges compare equal.
    true_positive = np.cumsum(cases.positive[::-1])[::-1]
    true_negative = n_negative - np.cumsum(cases.negative[::-1])[::-1]
    if rule == "youden":
        merit = true_positive * n_negative + true_negative * n_positive
    else:
        enough = 10 * true_positive >= 9 * n_positive
        merit = np.where(enough, true_negative * (n_positive + 1) + true_positive, -1)
    best = np.flatnonzero(merit == merit.max())
    return Threshold(name=rule, value=(0.0, *edges)[best[len(best) // 2]], rule=rule)


def at_threshold(sums: StratumSums, edges: Edges, threshold: Threshold) -> AtThreshold:
    """Return counts and proportions of a group at a threshold that is one of its edges or 0."""
    start = (0.0, *edges).index(threshold.value)
    tp, fp = sum(sums.positive[start:]), sum(sums.negative[start:])
    fn, tn = sums.positives - tp, sums.negatives - fp
    return AtThreshold(
        threshold=threshold.name,
        counts=Confusion(true_positive=tp, false_positive=fp, false_negative=fn, true_negative=tn),
        sensitivity=_part(tp, tp + fn),
        specificity=_part(tn, tn + fp),
        ppv=_part(tp, tp + fp),
        npv=_part(tn, tn + fn),
        f1=f1_interval(tp, fp, fn) if tp + fp + fn else None,
        rule_out=wilson(tn + fn, sums.n),
    )


def _part(successes: int, n: int) -> Estimate | None:
    return wilson(successes, n) if n else None


def _nearest(edges: Edges, value: float) -> float:
    return min(edges, key=lambda edge: (abs(edge - value), edge))
