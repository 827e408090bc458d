from collections.abc import Callable

import numpy as np
import pytest
from case_files import EDGES, equal_edges, level
from numpy.typing import NDArray

from fedcmr.evaluation.sums import EvaluationSums, StratumSums, collect

Cases = tuple[NDArray[np.int64], NDArray[np.float64], list[dict[str, str]]]


@pytest.fixture
def histogram() -> Callable[..., StratumSums]:
    """Sums over cases without strata."""

    def build(labels: list[int], scores: list[float], bins: int = 64) -> StratumSums:
        return collect(labels, scores, [level()] * len(labels), edges=equal_edges(bins)).overall

    return build


@pytest.fixture
def cases() -> Callable[..., Cases]:
    """Seeded cases whose scores overlap, over three vendors at two field strengths."""

    def build(n: int, seed: int = 0, prevalence: float = 0.4) -> Cases:
        rng = np.random.default_rng(seed)
        labels = (rng.random(n) < prevalence).astype(np.int64)
        scores = 1 / (1 + np.exp(-rng.normal(1.5 * labels - 0.7, 1.2)))
        levels = [
            level(str(vendor), str(field))
            for vendor, field in zip(
                rng.choice(["GE", "Philips", "Siemens"], n),
                rng.choice(["1.5T", "3T"], n),
                strict=True,
            )
        ]
        return labels, scores, levels

    return build


@pytest.fixture
def sums(cases: Callable[..., Cases]) -> Callable[..., EvaluationSums]:
    """Sums over seeded cases."""

    def build(n: int, seed: int = 0) -> EvaluationSums:
        return collect(*cases(n, seed), edges=EDGES)

    return build
