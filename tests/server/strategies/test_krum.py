from pathlib import Path

import numpy as np
import pytest
from fedcmr_server.strategies.krum import Krum, squared_distances
from flwr.serverapp.strategy import Krum as FlowerKrum
from flwr.serverapp.strategy import MultiKrum
from reference.merging import slow_krum_order, slow_mean
from update_files import drift, flower_merge, write_updates

from fedcmr.errors import PartialRun

EQUAL = (5,) * 9


@pytest.fixture(params=[(5, 1), (7, 1), (7, 2), (9, 3)])
def case(request: pytest.FixtureRequest) -> tuple[int, int]:
    """Sites and how many of them may be hostile."""
    sites, f = request.param
    return sites, f


def test_krum_takes_the_update_nearest_to_its_neighbours(
    tmp_path: Path, rng: np.random.Generator, weights: np.ndarray, case: tuple[int, int]
) -> None:
    sites, f = case
    rows = drift(rng, weights, sites)
    updates = write_updates(tmp_path, rows, EQUAL)
    merged = Krum("krum", f).merge(weights, updates)
    best = slow_krum_order(rows.tolist(), f)[0]
    assert np.array_equal(merged.weights, rows[best])
    assert merged.unused == tuple(u.name for i, u in enumerate(updates) if i != best)
    flower = FlowerKrum(num_malicious_nodes=f)
    assert np.array_equal(
        merged.weights, flower_merge(flower, weights, rows, round=1, examples=EQUAL)
    )


def test_multi_krum_takes_the_mean_of_the_nearest(
    tmp_path: Path, rng: np.random.Generator, weights: np.ndarray, case: tuple[int, int]
) -> None:
    sites, f = case
    rows = drift(rng, weights, sites)
    merged = Krum("multi_krum", f).merge(weights, write_updates(tmp_path, rows, EQUAL))
    chosen = slow_krum_order(rows.tolist(), f)[: sites - f]
    expected = slow_mean([rows[i].tolist() for i in chosen], [1] * len(chosen))
    assert np.allclose(merged.weights, expected, rtol=1e-6, atol=1e-7)
    flower = MultiKrum(num_malicious_nodes=f, num_nodes_to_select=sites - f)
    by_flower = flower_merge(flower, weights, rows, round=1, examples=EQUAL)
    assert np.allclose(merged.weights, by_flower, rtol=1e-6, atol=1e-7)


def test_hostile_updates_are_left_out_and_named(
    tmp_path: Path, rng: np.random.Generator, weights: np.ndarray
) -> None:
    rows = drift(rng, weights, 7)
    for hostile in (1, 4):
        rows[hostile] = 2 * weights - rows[hostile]
    updates = write_updates(tmp_path, rows)
    assert Krum("multi_krum", 2).merge(weights, updates).unused == ("b", "e")
    assert {"b", "e"} < set(Krum("krum", 2).merge(weights, updates).unused)


def test_equal_updates_are_no_tie_of_chance(tmp_path: Path, weights: np.ndarray) -> None:
    updates = write_updates(tmp_path, np.stack([weights + 1] * 5))
    assert Krum("krum", 1).merge(weights, updates).unused == ("b", "c", "d", "e")


def test_small_steps_on_large_weights_are_told_apart(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    weights = (1000 * rng.normal(size=300)).astype(np.float32)
    rows = (weights + 0.01 * rng.normal(size=(5, 300))).astype(np.float32)
    found = squared_distances(weights, write_updates(tmp_path, rows))
    steps = rows.astype(np.float64)
    exact = np.square(steps[:, None] - steps[None]).sum(axis=2)
    assert np.allclose(found, exact, rtol=1e-9, atol=0)


def test_too_few_updates_are_refused_in_one_line(
    tmp_path: Path, rng: np.random.Generator, weights: np.ndarray
) -> None:
    updates = write_updates(tmp_path, drift(rng, weights, 4))
    with pytest.raises(PartialRun, match="krum with byzantine 1 needs 5 updates, 4 came; start"):
        Krum("krum", 1).merge(weights, updates)


def test_who_was_set_aside_before_needs_no_withstanding(
    tmp_path: Path, rng: np.random.Generator, weights: np.ndarray
) -> None:
    rows = drift(rng, weights, 4)
    updates = write_updates(tmp_path, rows, EQUAL)
    merged = Krum("multi_krum", 1).merge(weights, updates, set_aside=1)
    assert merged.unused == ()
    assert np.allclose(merged.weights, rows.mean(axis=0), atol=1e-6)
    with pytest.raises(PartialRun, match="krum with byzantine 0 needs 3 updates, 2 came"):
        Krum("krum", 1).merge(weights, updates[:2], set_aside=3)


def test_an_honest_site_that_was_set_aside_does_not_end_the_defence(
    tmp_path: Path, rng: np.random.Generator, weights: np.ndarray
) -> None:
    rows = drift(rng, weights, 6)
    rows[2] = 2 * weights - rows[2]  # as long as the others: no norm band sees it
    merged = Krum("multi_krum", 1).merge(weights, write_updates(tmp_path, rows), set_aside=1)
    assert merged.unused == ("c",)
