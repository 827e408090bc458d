"""The Brier score in parts, one case at a time (Stephenson, Coelho and Jolliffe 2008)."""

from collections.abc import Sequence


def slow_brier_parts(
    cases: Sequence[tuple[int, float]], edges: Sequence[float]
) -> dict[str, float]:
    """Parts for (label, score) cases in the bins between the edges."""
    bins: dict[int, list[tuple[int, float]]] = {}
    for label, score in cases:
        bins.setdefault(sum(score >= edge for edge in edges), []).append((label, score))
    n = len(cases)
    rate = sum(label for label, _ in cases) / n
    reliability = resolution = variance = covariance = 0.0
    for members in bins.values():
        observed = sum(label for label, _ in members) / len(members)
        score = sum(value for _, value in members) / len(members)
        reliability += len(members) * (score - observed) ** 2 / n
        resolution += len(members) * (observed - rate) ** 2 / n
        variance += sum((value - score) ** 2 for _, value in members) / n
        covariance += sum((value - score) * (label - observed) for label, value in members) / n
    return {
        "brier": sum((value - label) ** 2 for label, value in cases) / n,
        "reliability": reliability,
        "resolution": resolution,
        "uncertainty": rate * (1 - rate),
        "within_bin": variance - 2 * covariance,
    }
