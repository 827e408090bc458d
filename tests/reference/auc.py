"""Area under the ROC curve by its definition, one pair at a time."""

from collections.abc import Sequence


def slow_auc(labels: Sequence[int], scores: Sequence[float]) -> float:
    """Part of the (positive, negative) pairs that the scores order rightly, ties one half."""
    positive = [score for label, score in zip(labels, scores, strict=True) if label == 1]
    negative = [score for label, score in zip(labels, scores, strict=True) if label == 0]
    right = 0.0
    for p in positive:
        for n in negative:
            if p > n:
                right += 1
            elif p == n:
                right += 0.5
    return right / (len(positive) * len(negative))
