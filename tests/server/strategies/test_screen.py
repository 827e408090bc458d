from pathlib import Path

import numpy as np
import pytest
from fedcmr_server.strategies.screen import outside, step_lengths
from fedcmr_server.strategies.strategy import Update
from update_files import drift, write_updates

BAND = 10.0
FEATURES = 40


def site_update(weights: np.ndarray, rng: np.random.Generator, studies: int) -> np.ndarray:
    """Logistic regression by one local epoch of batches of 8; every site has its own shift."""
    shift, slope = rng.normal(size=FEATURES), rng.normal(size=FEATURES)
    x = rng.normal(size=(studies, FEATURES)) * rng.uniform(0.5, 2) + shift
    y = (x @ slope + rng.normal(size=studies) > np.median(x @ slope)).astype(float)
    w = weights.astype(np.float64)
    for start in range(0, studies, 8):
        batch, label = x[start : start + 8], y[start : start + 8]
        w = w - 0.01 * batch.T @ (1 / (1 + np.exp(-batch @ w)) - label)
    return w.astype(np.float32)


@pytest.fixture
def honest(rng: np.random.Generator) -> list[np.ndarray]:
    """Rounds of seven sites of 20 to 200 studies, and what they started from."""
    weights, rounds = np.zeros(FEATURES, np.float32), []
    for _ in range(5):
        rows = [site_update(weights, rng, n) for n in (20, 35, 60, 80, 120, 150, 200)]
        rounds.append(np.stack([weights, *rows]))
        weights = np.mean(rows, axis=0).astype(np.float32)
    return rounds


def test_honest_sites_of_different_size_and_kind_are_inside(
    tmp_path: Path, honest: list[np.ndarray]
) -> None:
    for weights, *rows in honest:
        assert outside(write_updates(tmp_path, np.stack(rows)), weights, BAND) == {}


@pytest.mark.parametrize("scale", [100.0, -100.0, 0.0])
def test_scaled_updates_are_outside_and_named(
    tmp_path: Path, honest: list[np.ndarray], scale: float
) -> None:
    for weights, *rows in honest:
        rows[3] = weights + np.float32(scale) * (rows[3] - weights)
        found = outside(write_updates(tmp_path, np.stack(rows)), weights, BAND)
        assert list(found) == ["d"]
        assert "outside the norm band of 10" in found["d"]


def test_a_minority_cannot_put_the_others_outside(
    tmp_path: Path, rng: np.random.Generator, weights: np.ndarray
) -> None:
    rows = drift(rng, weights, 5)
    rows[:2] = weights + 1e10
    assert set(outside(write_updates(tmp_path, rows), weights, 3)) == {"a", "b"}


def test_of_two_nobody_can_say_which_is_wrong(
    tmp_path: Path, rng: np.random.Generator, weights: np.ndarray
) -> None:
    rows = drift(rng, weights, 3)
    rows[0] *= 1000
    updates = write_updates(tmp_path, rows)
    assert outside(updates[:1], weights, 3) == {}
    assert outside(updates[:2], weights, 3) == {}
    assert set(outside(updates, weights, 3)) == {"a"}


def test_lengths_are_those_of_the_steps(
    tmp_path: Path, rng: np.random.Generator, weights: np.ndarray
) -> None:
    rows = drift(rng, weights, 4)
    updates: list[Update] = write_updates(tmp_path, rows)
    expected = np.linalg.norm(rows.astype(np.float64) - weights, axis=1)
    assert np.allclose(step_lengths(updates, weights), expected, rtol=1e-12)
