"""Strategies by their definitions, one weight at a time."""

import math
from collections.abc import Sequence

Vector = Sequence[float]


def slow_mean(rows: Sequence[Vector], examples: Sequence[int]) -> list[float]:
    """Weighted by examples."""
    return [
        math.fsum(n * value for n, value in zip(examples, column, strict=True)) / sum(examples)
        for column in zip(*rows, strict=True)
    ]


def slow_median(rows: Sequence[Vector]) -> list[float]:
    """Middle value, or the mean of the two in the middle."""
    merged = []
    for column in zip(*rows, strict=True):
        ordered = sorted(column)
        low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
        merged.append((low + high) / 2)
    return merged


def slow_trimmed_mean(rows: Sequence[Vector], f: int) -> list[float]:
    """Mean without the f smallest and the f largest."""
    merged = []
    for column in zip(*rows, strict=True):
        kept = sorted(column)
        for _ in range(f):
            kept.remove(min(kept))
            kept.remove(max(kept))
        merged.append(sum(kept) / len(kept))
    return merged


def slow_krum_order(rows: Sequence[Vector], f: int) -> list[int]:
    """Rows from the lowest score to the highest."""

    def score(i: int) -> float:
        distances = sorted(math.dist(rows[i], row) ** 2 for j, row in enumerate(rows) if j != i)
        return sum(distances[: len(rows) - f - 2])

    return sorted(range(len(rows)), key=score)


class SlowAdaptive:
    """FedAdam and FedYogi (Reddi et al. 2021, algorithm 2) of one run."""

    def __init__(self, size: int, eta: float, beta_1: float, beta_2: float, tau: float) -> None:
        self.m, self.v = [0.0] * size, [tau**2] * size
        self.eta, self.beta_1, self.beta_2, self.tau = eta, beta_1, beta_2, tau

    def merge(
        self, weights: Vector, rows: Sequence[Vector], examples: Sequence[int], *, yogi: bool
    ) -> list[float]:
        """Return the weights after one round."""
        merged = []
        for i, mean in enumerate(slow_mean(rows, examples)):
            delta = mean - weights[i]
            self.m[i] = self.beta_1 * self.m[i] + (1 - self.beta_1) * delta
            if yogi:
                sign = math.copysign(1, self.v[i] - delta**2)
                self.v[i] = self.v[i] - (1 - self.beta_2) * delta**2 * sign
            else:
                self.v[i] = self.beta_2 * self.v[i] + (1 - self.beta_2) * delta**2
            merged.append(weights[i] + self.eta * self.m[i] / (math.sqrt(self.v[i]) + self.tau))
        return merged


class SlowMomentum:
    """FedAvgM (Hsu et al. 2019) of one run."""

    def __init__(self, size: int, eta: float, beta: float) -> None:
        self.v, self.eta, self.beta = [0.0] * size, eta, beta

    def merge(
        self, weights: Vector, rows: Sequence[Vector], examples: Sequence[int]
    ) -> list[float]:
        """Return the weights after one round."""
        merged = []
        for i, mean in enumerate(slow_mean(rows, examples)):
            self.v[i] = self.beta * self.v[i] + mean - weights[i]
            merged.append(weights[i] + self.eta * self.v[i])
        return merged
