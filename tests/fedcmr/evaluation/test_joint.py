"""Two models on the same cases: sums add up, wrong ones are refused."""

import json
from collections.abc import Callable

import numpy as np
import pytest
from case_files import EDGES, equal_edges
from hypothesis import given, settings
from hypothesis import strategies as st

from fedcmr.errors import ConfigurationError, DataError
from fedcmr.evaluation.joint import JOINT_BINS, JointSums, collect_joint, joint_edges
from fedcmr.evaluation.sums import collect

PAIR = (EDGES, equal_edges(32))
CASE = st.tuples(st.integers(0, 1), st.integers(0, 16), st.integers(0, 16))


def _columns(cases: list[tuple[int, int, int]]) -> tuple[list[int], list[float], list[float]]:
    return [c[0] for c in cases], [c[1] / 16 for c in cases], [c[2] / 16 for c in cases]


@settings(max_examples=40, deadline=None)
@given(st.lists(CASE, max_size=40), st.integers(0, 40))
def test_sums_of_parts_are_those_of_the_whole(cases: list, at: int) -> None:
    parts = [collect_joint(*_columns(part), edges=PAIR) for part in (cases[:at], cases[at:])]
    whole = collect_joint(*_columns(cases), edges=PAIR)
    assert parts[0] + parts[1] == whole
    assert JointSums.from_json(whole.to_json(), where="site a") == whole
    coarse = collect_joint(*_columns(cases), edges=PAIR, most_bins=8)
    assert whole.at((equal_edges(8), equal_edges(8))) == coarse
    assert parts[0] + collect_joint(*_columns(cases[at:]), edges=PAIR, most_bins=8) == coarse


def test_sums_merge_only_at_their_own_edges() -> None:
    sums = collect_joint([0, 1], [0.1, 0.9], [0.2, 0.8], edges=PAIR)
    for wrong in ((equal_edges(3), equal_edges(8)), (equal_edges(8), ())):
        with pytest.raises(DataError, match="edges that they have"):
            sums.at(wrong)


@pytest.mark.parametrize("power", [1, 6])
def test_edges_for_a_comparison_lie_where_the_classes_overlap(
    cases: Callable, histogram: Callable, power: int
) -> None:
    labels, scores, strata = cases(400)
    edges = joint_edges(EDGES, collect(labels, scores**power, strata, edges=EDGES).overall)
    assert len(edges) == JOINT_BINS - 1
    assert {*equal_edges(64)} < {*edges}
    apart = joint_edges(equal_edges(64), histogram([0, 1], [0.2, 0.8]))
    assert apart == equal_edges(64)
    together = joint_edges(equal_edges(64), histogram([0, 1], [0.3, 0.3]))
    assert all(0.296 < edge < 0.313 for edge in {*together} - {*apart})
    assert len(together) == JOINT_BINS - 1


def test_more_bins_than_a_comparison_has_are_taken_together() -> None:
    sums = collect_joint([0, 1], [0.1, 0.9], [0.2, 0.8], edges=(equal_edges(512), EDGES))
    assert sums.edges == (equal_edges(256), EDGES)
    edges = (equal_edges(512), equal_edges(256))
    again = collect_joint([0, 1], [0.1, 0.9], [0.2, 0.8], edges=edges, most_bins=4096)
    assert again.edges == (equal_edges(256), equal_edges(256))


def test_bins_that_are_one_too_many_are_taken_together() -> None:
    eight, nine = equal_edges(8), (0.3, *equal_edges(8))
    for asked in (eight, tuple(sorted(nine))):
        edges = (asked, asked)
        found = collect_joint([0, 1], [0.1, 0.9], [0.2, 0.8], edges=edges, most_bins=8)
        assert found.edges == (eight, eight)


def _of(name: str, **parts: object) -> Callable[[dict], None]:
    return lambda data: data[name].update(parts)


def _too_much(data: dict) -> None:
    scores = data["negative"]["scores"][1]
    scores[next(index for index, score in enumerate(scores) if score > 0)] += 0.5


def _move(data: dict) -> None:
    scores = data["negative"]["scores"][1]
    full = next(index for index, score in enumerate(scores) if score > 0)
    scores[full - 1] += scores[full] + 0.1
    scores[full] = 0.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_of("positive", cells=[[0, 0, 0]]), "greater than or equal to 1"),
        (_of("positive", cells=[[65, 0, 1]]), "outside"),
        (_of("negative", cells=[[0, 32, 1]]), "outside"),
        (_of("positive", cells=[[0, 1, 1], [0, 1, 1]]), "without duplicates"),
        (_of("negative", cells=[[0, 0, 10**6], [0, 1, 1]]), "more than 1000000"),
        (_of("negative", scores=[[0.0] * 65, [0.0] * 33]), "65 and 32 sums"),
        (_of("negative", cases=[]), "unknown key"),
        (lambda data: data.update(edges=[[0.5, 0.2], [0.5]]), "rise"),
        (lambda data: data.update(edges=[[0.5]]), "edges"),
        (_move, "does not fit its bin"),
        (_too_much, "does not fit its bin"),
        (_of("positive", scores=[[0.0] * 65, [0.0] * 32]), "does not fit its bin"),
    ],
)
def test_sums_that_cannot_be_true_are_refused(
    cases: Callable, change: Callable[[dict], None], words: str
) -> None:
    labels, scores, _ = cases(20)
    data = json.loads(collect_joint(labels, scores, np.sqrt(scores), edges=PAIR).to_json())
    change(data)
    with pytest.raises(ConfigurationError, match=words):
        JointSums.from_json(json.dumps(data), where="site a")


@pytest.mark.parametrize(
    ("labels", "scores", "others", "words"),
    [
        ([1, 0], [0.5], [0.5, 0.5], "two scores per case"),
        ([2], [0.5], [0.5], "0 or 1"),
        ([1], [0.5], [float("nan")], "0 to 1"),
    ],
)
def test_wrong_cases_are_refused(labels: list, scores: list, others: list, words: str) -> None:
    with pytest.raises(DataError, match=words):
        collect_joint(labels, scores, others, edges=PAIR)
