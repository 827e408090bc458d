"""A thousand simulated data sets: 50 to 2000 cases, 5 to 50 % positives, ties, shifted sites."""

from dataclasses import dataclass
from functools import reduce

import numpy as np
import pytest
from case_files import EDGES
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from fedcmr.evaluation.delong import auc_interval
from fedcmr.evaluation.joint import collect_joint, joint_edges
from fedcmr.evaluation.paired import paired_delong
from fedcmr.evaluation.sums import StratumSums

SETS = 1000
SITES = 3
STEPS = (20, 100, 4096)
"""Scores are multiples of one over it: many ties, some, next to none."""

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class DataSet:
    """Cases of all sites, two models' scores, and the first one's true AUC."""

    labels: NDArray[np.int64]
    site: NDArray[np.int64]
    scores: Scores
    others: Scores
    true_auc: float


def _data_set(rng: np.random.Generator) -> DataSet:
    n = round(np.exp(rng.uniform(np.log(50), np.log(2000))))
    labels = np.zeros(n, dtype=np.int64)
    labels[: max(2, round(n * rng.uniform(0.05, 0.5)))] = 1
    shift, steps = rng.uniform(0.3, 2.2), rng.choice(STEPS)
    sites = rng.normal(0, 0.5, SITES)
    site = rng.integers(0, SITES, n)
    case = rng.normal(shift * labels + sites[site], 0.8)
    scores, others = (
        np.floor(steps / (1 + np.exp(-case - rng.normal(0, 0.6, n)))) / steps for _ in range(2)
    )
    edges = np.arange(1, steps) / steps
    logits = np.concatenate(([-np.inf], np.log(edges / (1 - edges)), [np.inf]))
    # Each case falls on a site at random, in either class alike.
    below = [norm.cdf(logits[:, None] - mean, sites, 1).mean(1) for mean in (shift, 0)]
    positive, negative = (np.diff(part) for part in below)
    true_auc = float(positive @ (np.cumsum(negative) - negative / 2))
    return DataSet(labels, site, scores, others, true_auc)


@pytest.fixture(scope="module")
def data_sets() -> list[DataSet]:
    rng = np.random.default_rng(1964)
    return [_data_set(rng) for _ in range(SETS)]


def _pooled(data: DataSet, scores: Scores) -> StratumSums:
    bins = np.searchsorted(EDGES, scores, side="right")

    def counted(of: int, label: int) -> tuple[int, ...]:
        chosen = (data.site == of) & (data.labels == label)
        return tuple(np.bincount(bins[chosen], minlength=len(EDGES) + 1).tolist())

    sites = [
        StratumSums(
            by=(), level=(), positive=counted(of, 1), negative=counted(of, 0), loss=0.0, brier=0.0
        )
        for of in range(SITES)
    ]
    return reduce(StratumSums.__add__, sites)


def _placements(labels: NDArray[np.int64], scores: Scores) -> list[Scores]:
    """Placements by midranks (Sun and Xu 2014): positives, negatives."""
    ranks, one, zero = rankdata(scores), scores[labels == 1], scores[labels == 0]
    return [
        (ranks[labels == 1] - rankdata(one)) / len(zero),
        1 - (ranks[labels == 0] - rankdata(zero)) / len(one),
    ]


def _case_level_p(data: DataSet) -> float:
    ours, theirs = (_placements(data.labels, s) for s in (data.scores, data.others))
    gaps = [a - b for a, b in zip(ours, theirs, strict=True)]
    spread = np.sqrt(sum(gap.var(ddof=1) / len(gap) for gap in gaps))
    return float(2 * norm.sf(abs(gaps[0].mean()) / spread))


def test_auc_is_within_its_bound_and_the_interval_covers(data_sets: list[DataSet]) -> None:
    covered, few = [], []
    for data in data_sets:
        area = auc_interval(_pooled(data, data.scores))
        exact = _placements(data.labels, data.scores)[0].mean()
        assert abs(area.value - exact) <= area.bound + 1e-12
        covered.append(area.low <= data.true_auc <= area.high)
        few += [covered[-1]] if data.labels.sum() < 15 else []
    assert 0.93 <= np.mean(covered) <= 0.97
    assert len(few) > 80
    assert np.mean(few) >= 0.90


def test_delong_p_at_256_bins_is_that_of_the_cases(data_sets: list[DataSet]) -> None:
    p, off = [], []
    for data in data_sets:
        models = (data.scores, data.others)
        ours, theirs = (joint_edges(EDGES, _pooled(data, scores)) for scores in models)
        assert max(len(ours), len(theirs)) < 256
        # Sums of parts are those of the whole: see test_joint.
        joint = collect_joint(data.labels, *models, edges=(ours, theirs))
        p.append(_case_level_p(data))
        off.append(abs(paired_delong(joint, "other").p - p[-1]))
    assert max(off) <= 0.01
    assert max(np.array(off)[np.array(p) < 0.1]) <= 0.001
    assert min(p) < 0.01
    assert max(p) > 0.99
