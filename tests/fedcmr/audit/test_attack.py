"""Rates and their limits, on scores whose answer is known."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fedcmr.audit.attack import bound, judge, least_epsilon

RNG = np.random.default_rng(0)


def test_auc_is_that_of_scikit_learn_and_its_interval_holds_it() -> None:
    members, others = RNG.normal(0.7, 1, 60).round(1), RNG.normal(0, 1, 45).round(1)
    attack = judge("a", members, others, delta=1e-5)
    labels = np.repeat([1, 0], [60, 45])
    expected = roc_auc_score(labels, np.concatenate((members, others)))
    assert attack.auc.value == pytest.approx(expected)
    assert attack.auc.low < expected < attack.auc.high


def test_tpr_counts_members_above_the_accused_others() -> None:
    others = np.arange(200.0)  # two of them may be accused: the threshold is 197
    members = np.array([0.0, 197.0, 197.5, 300.0])
    attack = judge("a", members, others, delta=0)
    assert attack.tpr.value == 0.5
    assert (attack.members, attack.others) == (4, 200)


def test_perfect_separation_proves_epsilon_and_chance_does_not() -> None:
    members, others = np.arange(40.0) + 100, np.arange(40.0)
    proven = least_epsilon(members, others, 1e-5)
    assert 1 < proven < 3
    assert least_epsilon(others, members, 1e-5) == 0, "low scores accuse nobody"
    assert judge("a", members, others, delta=0).auc.low > 0.9
    alike = [least_epsilon(RNG.normal(size=40), RNG.normal(size=40), 1e-5) for _ in range(40)]
    assert sum(value > 0 for value in alike) <= 5


def test_gaussian_mechanism_is_not_contradicted() -> None:
    """Scores one standard deviation apart are what epsilon of about 4.4 at 1e-5 allows."""
    members, others = RNG.normal(1, 1, 1000), RNG.normal(0, 1, 1000)
    assert 0.5 < least_epsilon(members, others, 1e-5) < 4.4


def test_bound() -> None:
    assert bound(0, 1e-5) == pytest.approx(0.01001)
    assert bound(math.log(20), 0) == pytest.approx(0.2)
    assert bound(1000, 0) == 1
