"""Confusion counts and the best thresholds, one case and one edge at a time."""

from collections.abc import Sequence


def slow_confusion(
    labels: Sequence[int], scores: Sequence[float], threshold: float
) -> tuple[int, int, int, int]:
    """True positives, false positives, false negatives, true negatives of score >= threshold."""
    counts = {(label, called): 0 for label in (0, 1) for called in (False, True)}
    for label, score in zip(labels, scores, strict=True):
        counts[label, score >= threshold] += 1
    return counts[1, True], counts[0, True], counts[1, False], counts[0, False]


def slow_best_edges(
    labels: Sequence[int], scores: Sequence[float], bins: int, rule: str
) -> list[int]:
    """Every edge that no other edge beats under the rule."""
    merit = {}
    for edge in range(bins):
        tp, fp, fn, tn = slow_confusion(labels, scores, edge / bins)
        sensitivity, specificity = tp / (tp + fn), tn / (tn + fp)
        if rule == "youden":
            merit[edge] = (round(sensitivity + specificity, 12), 0.0)
        elif round(sensitivity, 12) >= 0.9:
            merit[edge] = (specificity, sensitivity)
    return [edge for edge, value in merit.items() if value == max(merit.values())]
