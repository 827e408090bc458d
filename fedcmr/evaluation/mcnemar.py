"""McNemar's test: do two models differ on the same cases?"""

from math import comb


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the two-sided exact p of two paired proportions.

    Only the discordant cases tell; under the null hypothesis each is a fair coin (McNemar 1947, the
    exact conditional form). Twice the smaller tail, at most 1; without a discordant case 1.

    Args:
        only_first: cases that only the first model calls rightly.
        only_second: cases that only the second model calls rightly.
    """
    discordant = only_first + only_second
    tail = sum(comb(discordant, k) for k in range(min(only_first, only_second) + 1))
    return min(1.0, 2 * tail / (1 << discordant))
