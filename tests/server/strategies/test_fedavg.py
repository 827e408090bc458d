from pathlib import Path

import numpy as np
from fedcmr_server.strategies.fedavg import FedAvg
from flwr.serverapp.strategy import FedAvg as FlowerFedAvg
from reference.merging import slow_mean
from update_files import EXAMPLES, drift, flower_merge, write_updates


def test_it_is_the_mean_weighted_by_examples(
    tmp_path: Path, rng: np.random.Generator, weights: np.ndarray
) -> None:
    rows = drift(rng, weights, 7)
    merged = FedAvg().merge(weights, write_updates(tmp_path, rows))
    assert np.array_equal(merged.weights, np.float32(slow_mean(rows.tolist(), EXAMPLES)))
    assert merged.unused == ()
    flower = flower_merge(FlowerFedAvg(), weights, rows, round=1)
    assert np.allclose(merged.weights, flower, rtol=1e-6, atol=1e-7)


def test_the_weights_of_one_site_come_back_as_they_are(
    tmp_path: Path, rng: np.random.Generator, weights: np.ndarray
) -> None:
    rows = drift(rng, weights, 1)
    assert np.array_equal(FedAvg().merge(weights, write_updates(tmp_path, rows)).weights, rows[0])


def test_what_is_held_is_not_written_over_and_what_is_not_is(
    tmp_path: Path, rng: np.random.Generator, weights: np.ndarray
) -> None:
    strategy, held, copies, places = FedAvg(), [], [], []
    for number in range(6):
        merged = strategy.merge(weights, write_updates(tmp_path, drift(rng, weights))).weights
        copies.append(merged.copy())
        held.append(merged[number:])  # what an array is made of is held by its views as well
        places.append(merged.ctypes.data)
        del merged
        if number >= 3:
            held[number] = None
    assert all(np.array_equal(held[i], copies[i][i:]) for i in range(3))
    assert len({*places[:4]}) == 4
    assert places[3] == places[4] == places[5]
