import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from fedcmr_server.strategies.registry import strategy
from fedcmr_server.strategies.strategy import Piece, Update
from update_files import drift, write_updates

from fedcmr.config import FederationSettings
from fedcmr.errors import DataError
from fedcmr.federation.payload import Layout

ADAPTIVE = {"server_learning_rate": 0.1, "beta_1": 0.9, "beta_2": 0.99, "tau": 1e-3}
EVERY = [
    {"strategy": "fedavg"},
    {"strategy": "fedprox", "proximal_mu": 0.1},
    {"strategy": "fedbn"},
    {"strategy": "fedadam"} | ADAPTIVE,
    {"strategy": "fedyogi"} | ADAPTIVE,
    {"strategy": "fedavgm", "server_learning_rate": 1.0, "server_momentum": 0.9},
    {"strategy": "median"},
    {"strategy": "trimmed_mean", "byzantine": 1},
    {"strategy": "krum", "byzantine": 1},
    {"strategy": "multi_krum", "byzantine": 1},
]


@pytest.fixture(params=EVERY, ids=lambda settings: settings["strategy"])
def settings(request: pytest.FixtureRequest) -> FederationSettings:
    return FederationSettings.model_validate(request.param)


def test_every_name_of_an_experiment_is_tried_here() -> None:
    names = FederationSettings.model_json_schema()["properties"]["strategy"]["enum"]
    assert sorted(names) == sorted(str(settings["strategy"]) for settings in EVERY)


def test_a_merge_leaves_its_input_alone_and_repeats_its_bits(
    tmp_path: Path,
    rng: np.random.Generator,
    weights: np.ndarray,
    layout: Layout,
    settings: FederationSettings,
) -> None:
    updates = write_updates(tmp_path, drift(rng, weights))
    before = weights.copy()
    first, second = (strategy(settings, layout).merge(weights, updates) for _ in range(2))
    assert first.weights.dtype == np.float32
    assert np.array_equal(first.weights, second.weights)
    assert first.unused == second.unused
    assert np.array_equal(weights, before)
    assert np.isfinite(first.weights).all()
    assert not np.array_equal(first.weights, before)


def test_memory_does_not_grow_with_the_number_of_updates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: FederationSettings
) -> None:
    monkeypatch.setattr("fedcmr_server.strategies.columns.COLUMNS", 2**11)
    size, sites = 400_000, 50
    weights = np.zeros(size, np.float32)
    path = tmp_path / "same.f32"
    np.random.default_rng(1).normal(size=size).astype("<f4").tofile(path)
    updates = [Update(f"site-{i:02}", i + 1, (Piece(path, 0, size),)) for i in range(sites)]
    merging = strategy(settings, Layout({"w": torch.empty(size, device="meta")}))

    tracemalloc.start()
    merging.merge(weights, updates)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * weights.nbytes  # the result and a block; all updates would be 50


def test_a_damaged_file_is_one_line(tmp_path: Path, weights: np.ndarray, layout: Layout) -> None:
    short = tmp_path / "short.f32"
    weights[:-1].tofile(short)
    for path in (short, tmp_path / "missing.f32"):
        merging = strategy(FederationSettings(), layout)
        update = Update("a", 1, (Piece(path, 0, weights.size),))
        with pytest.raises(DataError, match=rf"damaged \({tmp_path}\); delete it"):
            merging.merge(weights, [update])


def test_any_columns_are_read_across_the_files_of_an_update(tmp_path: Path) -> None:
    values, pieces, first = np.arange(11, dtype=np.float32), [], 0
    for number, (offset, count) in enumerate([(0, 4), (7, 1), (3, 6)]):
        path = tmp_path / str(number)
        path.write_bytes(bytes(offset) + values[first : first + count].tobytes() + b"more")
        pieces.append(Piece(path, offset, count))
        first += count
    update = Update("a", 1, tuple(pieces))
    for start in range(11):
        for stop in range(start, 12):
            assert np.array_equal(update.columns(slice(start, stop)), values[start:stop])
    with pytest.raises(DataError, match="damaged"):
        update.columns(slice(5, 12))


def test_an_update_of_no_examples_is_none() -> None:
    with pytest.raises(ValueError, match="the update of a is of no examples"):
        Update("a", 0, ())
