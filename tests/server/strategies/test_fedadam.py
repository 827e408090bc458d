from pathlib import Path

import numpy as np
import pytest
from fedcmr_server.strategies.fedadam import FedAdam
from fedcmr_server.strategies.fedyogi import FedYogi
from flwr.serverapp.strategy import FedAdam as FlowerFedAdam
from flwr.serverapp.strategy import FedYogi as FlowerFedYogi
from reference.merging import SlowAdaptive
from update_files import EXAMPLES, drift, flower_merge, our_rounds

from fedcmr.federation.payload import Layout

SETTINGS = {"beta_1": 0.9, "beta_2": 0.99, "tau": 1e-2}
ETA = 0.05
ROUNDS = 4


@pytest.mark.parametrize("kind", [FedAdam, FedYogi])
def test_it_is_algorithm_2_of_the_paper(
    tmp_path: Path, weights: np.ndarray, layout: Layout, kind: type[FedAdam]
) -> None:
    ours = our_rounds(kind(layout, learning_rate=ETA, **SETTINGS), tmp_path, weights, 1)

    rng, slow = np.random.default_rng(1), SlowAdaptive(weights.size, ETA, **SETTINGS)
    for _ in range(ROUNDS):
        rows = drift(rng, weights).tolist()
        merged = slow.merge(weights.tolist(), rows, EXAMPLES[:5], yogi=kind is FedYogi)
        weights = np.float32(merged)
    assert np.allclose(ours, weights, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "flower_kind"), [(FedAdam, FlowerFedAdam), (FedYogi, FlowerFedYogi)]
)
def test_flower_agrees_where_its_definition_does(
    tmp_path: Path,
    weights: np.ndarray,
    layout: Layout,
    kind: type[FedAdam],
    flower_kind: type[FlowerFedAdam],
) -> None:
    ours = our_rounds(kind(layout, learning_rate=ETA, **SETTINGS), tmp_path, weights, 2)

    rng, flower = np.random.default_rng(2), flower_kind(eta=ETA, **SETTINGS)
    # Flower starts v at 0, the paper at tau^2; its correction of the bias is 1 in late rounds.
    flower.v_t = {"weights": np.full_like(weights, SETTINGS["tau"] ** 2)}
    for number in range(10_000, 10_000 + ROUNDS):
        weights = flower_merge(flower, weights, drift(rng, weights), round=number)
        weights = weights.astype(np.float32)
    assert np.allclose(ours, weights, rtol=1e-5, atol=1e-6)
