"""Groups of different cases: Holm, unpaired DeLong, worst group, alarms."""

from collections.abc import Callable

import numpy as np
import pytest
from case_files import equal_edges, level
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.holm import slow_holm
from reference.unpaired import slow_unpaired
from scipy.stats import norm

from fedcmr.evaluation.compare import against, alarms, gap, gaps, holm, unpaired
from fedcmr.evaluation.delong import area, auc_interval
from fedcmr.evaluation.sums import StratumSums, collect


def _group(n: int, shift: float, seed: int, name: str = "GE", by: str = "vendor") -> StratumSums:
    rng = np.random.default_rng(seed)
    labels = (np.arange(n) % 3 == 0).astype(int)
    scores = np.floor(100 / (1 + np.exp(-rng.normal(shift * labels, 1)))) / 100
    sums = collect(labels, scores, [level()] * n, edges=equal_edges(100)).overall
    return sums.named((by,), (name,))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_equals_the_procedure_step_by_step(p: list[float]) -> None:
    adjusted = holm(p)
    assert all(a >= b for a, b in zip(adjusted, p, strict=True))
    for level_ in (0.01, 0.05, 0.3):
        assert [a <= level_ for a in adjusted] == slow_holm(p, level_)


def test_holm_of_a_published_example() -> None:
    # R: p.adjust(c(0.01, 0.02, 0.03, 0.005), "holm")
    assert holm([0.01, 0.02, 0.03, 0.005]) == pytest.approx([0.03, 0.04, 0.04, 0.02])


@pytest.mark.parametrize("seed", range(5))
def test_unpaired_equals_the_loop_over_cases(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups, cases = [], []
    for n, shift in ((50, 1.5), (70, 0.4)):
        labels = (np.arange(n) % 3 == 0).astype(int).tolist()
        scores = (rng.integers(0, 50, n) / 100 + shift * np.array(labels) / 4).clip(0, 0.99)
        scores = (np.floor(scores * 100 + 1e-9) / 100).tolist()
        cases.append((labels, scores))
        groups.append(collect(labels, scores, [level()] * n, edges=equal_edges(100)).overall)
    difference, p = unpaired(*groups)
    slow = slow_unpaired(*cases)
    assert (difference.value, p) == pytest.approx(slow, abs=1e-9)
    assert difference.low < difference.value < difference.high
    assert (p < 0.05) == (difference.low > 0 or difference.high < 0)


def test_p_of_equal_groups_is_uniform() -> None:
    p = [unpaired(_group(90, 1.0, 2 * i), _group(150, 1.0, 2 * i + 1))[1] for i in range(400)]
    assert 0.03 <= np.mean(np.array(p) < 0.05) <= 0.075
    assert 0.43 <= np.mean(np.array(p) < 0.5) <= 0.57


def test_separated_groups_have_a_finite_difference() -> None:
    apart, mixed = _group(60, 40.0, 1), _group(60, 0.0, 2)
    difference, p = unpaired(apart, mixed)
    assert p < 0.001
    assert 0 < difference.low < difference.value < difference.high <= 1


def test_gap_names_worst_and_best_of_each_view() -> None:
    groups = [
        _group(300, 2.0, 1, "GE"),
        _group(300, 0.2, 2, "Philips"),
        _group(300, 1.0, 3, "Siemens"),
        _group(300, 1.0, 4, "3T", by="field_strength"),
    ]
    (only,) = gaps(groups)
    assert (only.by, only.worst, only.best) == (("vendor",), ("Philips",), ("GE",))
    assert only.worst_auc == auc_interval(groups[1])
    difference, p = unpaired(groups[0], groups[1])
    assert only.difference == difference
    assert p <= only.p_holm <= 3 * p
    assert gap(groups[:2]).p_holm == p


def test_alarms_are_raised_for_what_differs_only(histogram: Callable) -> None:
    weak, usual = _group(400, 0.0, 5, "Philips"), _group(800, 1.5, 6, "GE")
    overall = (weak + usual).named((), ())
    adjusted = against([weak, usual], overall)
    (alarm,) = [a for a in alarms([weak, usual], adjusted, overall) if a.direction == "lower"]
    assert alarm.level == ("Philips",)
    assert alarm.overall == area(overall).auc.value
    assert alarm.p_holm == adjusted[0] < 0.05
    z = (area(weak).logit - area(overall).logit) / area(weak).logit_variance ** 0.5
    assert adjusted[0] == pytest.approx(2 * 2 * norm.sf(abs(z)), rel=0.5)


def test_alarms_without_a_difference_are_rare() -> None:
    raised = 0
    for seed in range(150):
        groups = [_group(120, 1.0, 4 * seed + i, str(i)) for i in range(4)]
        overall = (groups[0] + groups[1] + groups[2] + groups[3]).named((), ())
        raised += bool(alarms(groups, against(groups, overall), overall))
    assert raised <= 12
