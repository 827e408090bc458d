"""Renyi divergence of the sampled Gaussian mechanism, by adding up the integrand.

Mironov et al., arXiv:1908.10530, section 3.3: A = E over x of N(0, s^2) of
((1 - q) + q exp((2x - 1) / (2 s^2)))^order, and the divergence is log A / (order - 1). The other
direction is never larger (their theorem 5). Epsilon: Balle et al., arXiv:1905.09982, theorem 21.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.special import logsumexp

POINTS = 6001
WIDTHS = 14
"""Standard deviations beyond 0 and the order, between which the integrand has its mass."""


def divergence(noise: float, rate: float, order: float) -> float:
    """Return the divergence of one step."""
    x, width = np.linspace(-WIDTHS * noise, order + WIDTHS * noise, POINTS, retstep=True)
    density = -(x**2) / (2 * noise**2) - math.log(noise * math.sqrt(2 * math.pi))
    drawn = (2 * x - 1) / (2 * noise**2)
    if rate < 1:
        drawn = np.logaddexp(math.log1p(-rate), math.log(rate) + drawn)
    return float(logsumexp(density + order * drawn) + math.log(width)) / (order - 1)


def epsilon(
    history: Iterable[tuple[float, float, int]], delta: float, orders: Sequence[float]
) -> float:
    """Return the least bound of any order for noise, rate and steps."""
    parts = list(history)
    bounds = []
    for order in orders:
        total = sum(steps * divergence(noise, rate, order) for noise, rate, steps in parts)
        bounds.append(total + math.log1p(-1 / order) - math.log(delta * order) / (order - 1))
    return min(bounds)
