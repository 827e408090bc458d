"""ROC curve and reliability diagram at bins that are wide enough to be printed."""

import numpy as np

from fedcmr.evaluation.edges import Edges
from fedcmr.evaluation.intervals import wilson
from fedcmr.evaluation.results import BrierParts, ReliabilityBin, RocPoint
from fedcmr.evaluation.sums import EvaluationSums


def wide_edges(sums: EvaluationSums, minimum: int) -> Edges:
    """Return the edges between which each class has at least the minimum of cases, from below.

    What is left over at the upper end joins the last bin; no edge is left where all cases are
    fewer than two bins take.
    """
    kept: list[float] = []
    inside = np.zeros(2, dtype=np.int64)
    rest = np.array([sums.overall.positives, sums.overall.negatives])
    counts = zip(sums.overall.positive, sums.overall.negative, strict=True)
    for edge, count in zip(sums.edges, counts, strict=False):
        inside, rest = inside + count, rest - count
        if min(*inside, *rest) >= minimum:
            kept.append(edge)
            inside = np.zeros(2, dtype=np.int64)
    return tuple(kept)


def roc_points(sums: EvaluationSums, edges: Edges) -> tuple[RocPoint, ...]:
    """Return the points of the curve at 0, the edges and 1; each class must have a case.

    The band is Wilson's interval of either rate at the point.
    """
    positive, negative = sums.overall.positive, sums.overall.negative
    starts = [0, *(sums.edges.index(edge) + 1 for edge in edges), sums.bins]
    return tuple(
        RocPoint(
            threshold=threshold,
            sensitivity=wilson(sum(positive[start:]), sum(positive)),
            false_positive_rate=wilson(sum(negative[start:]), sum(negative)),
        )
        for threshold, start in zip((0.0, *edges, 1.0), starts, strict=True)
    )


def reliability(sums: EvaluationSums, edges: Edges) -> tuple[ReliabilityBin, ...]:
    """Return the bins between the edges; there must be a case in each."""
    wide = sums.at(edges) if edges else None
    scores = wide.scores if wide else (sum(sums.scores),)
    positive = wide.overall.positive if wide else (sums.overall.positives,)
    negative = wide.overall.negative if wide else (sums.overall.negatives,)
    ends = (0.0, *edges, 1.0)
    return tuple(
        ReliabilityBin(
            low=ends[index],
            high=ends[index + 1],
            n=p + n,
            positives=p,
            score=score / (p + n),
            observed=wilson(p, p + n),
        )
        for index, (p, n, score) in enumerate(zip(positive, negative, scores, strict=True))
    )


def brier_parts(sums: EvaluationSums, bins: tuple[ReliabilityBin, ...]) -> BrierParts:
    """Return the decomposition of the Brier score by these bins of all cases.

    Murphy 1973; what varies inside the bins is a part of its own (Stephenson, Coelho and Jolliffe
    2008, "Two extra components in the Brier score decomposition"), so that the parts add up.
    """
    n, positives = sums.overall.n, sums.overall.positives
    rate = positives / n
    reliable = sum(part.n * (part.score - part.observed.value) ** 2 for part in bins) / n
    resolved = sum(part.n * (part.observed.value - rate) ** 2 for part in bins) / n
    uncertain = rate * (1 - rate)
    brier = sums.overall.brier / n
    return BrierParts(
        brier=brier,
        reliability=reliable,
        resolution=resolved,
        uncertainty=uncertain,
        within_bin=brier - (reliable - resolved + uncertain),
    )
