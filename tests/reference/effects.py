"""DerSimonian and Laird 1986, Hartung and Knapp 2001, formula by formula."""

from collections.abc import Sequence


def slow_effects(studies: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Fixed and random means with variances, Q and tau2 of (value, variance) pairs."""
    weights = [1 / variance for _, variance in studies]
    fixed = sum(w * value for w, (value, _) in zip(weights, studies, strict=True)) / sum(weights)
    q = sum(w * (value - fixed) ** 2 for w, (value, _) in zip(weights, studies, strict=True))
    tau2 = 0.0
    if len(studies) > 1:
        free = sum(weights) - sum(w * w for w in weights) / sum(weights)
        tau2 = max(0.0, (q - (len(studies) - 1)) / free)
    wider = [1 / (variance + tau2) for _, variance in studies]
    variance = 1 / sum(wider)
    mean = sum(w * value for w, (value, _) in zip(wider, studies, strict=True)) / sum(wider)
    if len(studies) > 1:
        off = sum(w * (value - mean) ** 2 for w, (value, _) in zip(wider, studies, strict=True))
        variance *= max(1, off / (len(studies) - 1))
    return {
        "fixed": fixed,
        "fixed_variance": 1 / sum(weights),
        "random": mean,
        "random_variance": variance,
        "free": len(studies) - 1,
        "q": q,
        "tau2": tau2,
    }
