from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.confusion import slow_best_edges

from fedcmr.evaluation.sums import StratumSums, collect
from fedcmr.evaluation.threshold import choose_threshold

LEVEL = {"vendor": "GE", "field_strength": "3T"}
CASES = st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=2, max_size=40).filter(
    lambda cases: len({label for label, _ in cases}) == 2
)


@settings(max_examples=80, deadline=None)
@given(CASES, st.sampled_from(["youden", "sensitivity_90"]), st.sampled_from([10, 64]))
def test_the_edge_is_the_middle_of_the_best(cases: list, rule: str, bins: int) -> None:
    labels, scores = [c[0] for c in cases], [c[1] for c in cases]
    chosen = choose_threshold(
        collect(labels, scores, [LEVEL] * len(cases), bins=bins).overall, rule
    )
    best = slow_best_edges(labels, scores, bins, rule)
    assert chosen.edge == best[len(best) // 2]
    assert (chosen.value, chosen.rule) == (chosen.edge / bins, rule)


def test_separated_classes_get_the_middle_of_the_gap(
    histogram: Callable[..., StratumSums],
) -> None:
    chosen = choose_threshold(histogram([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]), "youden")
    assert chosen.value == pytest.approx(0.5, abs=1 / 64)


def test_sensitivity_of_nine_in_ten_is_enough(histogram: Callable[..., StratumSums]) -> None:
    rng = np.random.default_rng(2)
    labels = [1] * 30 + [0] * 30
    scores = [0.1] * 3 + [0.8] * 27 + (0.7 * rng.random(30)).tolist()
    chosen = choose_threshold(histogram(labels, scores), "sensitivity_90")
    assert 0.7 < chosen.value <= 0.8


@pytest.mark.parametrize("labels", [[], [1, 1], [0]])
def test_without_two_classes_the_rule_says_so(
    histogram: Callable[..., StratumSums], labels: list[int]
) -> None:
    chosen = choose_threshold(histogram(labels, [0.9] * len(labels)), "youden")
    assert chosen.value == 0.5
    assert "lacks a class" in chosen.rule
