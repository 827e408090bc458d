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
