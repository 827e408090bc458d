"""Holm's procedure as written in 1979: step down, stop at the first that fails."""

from collections.abc import Sequence


def slow_holm(p: Sequence[float], level: float) -> list[bool]:
    """Which hypotheses are rejected with a family-wise error of `level`."""
    rejected = [False] * len(p)
    for rank, index in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        if (len(p) - rank) * p[index] > level:
            break
        rejected[index] = True
    return rejected
