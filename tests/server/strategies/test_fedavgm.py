from pathlib import Path

import numpy as np
from fedcmr_server.strategies.fedavgm import FedAvgM
from flwr.serverapp.strategy import FedAvgM as FlowerFedAvgM
from reference.merging import SlowMomentum
from update_files import EXAMPLES, drift, flower_merge, our_rounds

from fedcmr.federation.payload import Layout

ETA, MOMENTUM, ROUNDS = 0.7, 0.9, 4


def test_it_is_the_definition_and_what_flower_does(
    tmp_path: Path, weights: np.ndarray, layout: Layout
) -> None:
    ours = our_rounds(
        FedAvgM(layout, learning_rate=ETA, momentum=MOMENTUM), tmp_path, weights, 1, ROUNDS
    )

    rng, slow = np.random.default_rng(1), SlowMomentum(weights.size, ETA, MOMENTUM)
    flower = FlowerFedAvgM(server_learning_rate=ETA, server_momentum=MOMENTUM)
    for number in range(1, ROUNDS + 1):
        rows = drift(rng, weights)
        by_flower = flower_merge(flower, weights, rows, round=number)
        weights = np.float32(slow.merge(weights.tolist(), rows.tolist(), EXAMPLES[:5]))
        assert np.allclose(by_flower, weights, rtol=1e-5, atol=1e-5)
    assert np.allclose(ours, weights, rtol=1e-5, atol=1e-6)
