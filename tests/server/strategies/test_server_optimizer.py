from pathlib import Path

import numpy as np
import pytest
import torch
from fedcmr_server.strategies.fedadam import FedAdam
from fedcmr_server.strategies.fedavg import FedAvg
from fedcmr_server.strategies.fedavgm import FedAvgM
from fedcmr_server.strategies.fedyogi import FedYogi
from fedcmr_server.strategies.strategy import Strategy
from safetensors.numpy import load_file, save_file
from update_files import drift, our_rounds, write_updates

from fedcmr.errors import DataError
from fedcmr.federation.payload import Layout

KINDS = {
    "adam": lambda layout: FedAdam(layout, learning_rate=0.1, beta_1=0.9, beta_2=0.99, tau=1e-3),
    "yogi": lambda layout: FedYogi(layout, learning_rate=0.1, beta_1=0.9, beta_2=0.99, tau=1e-3),
    "momentum": lambda layout: FedAvgM(layout, learning_rate=1.0, momentum=0.9),
}


@pytest.fixture(params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_restored_strategy_goes_on_with_the_same_bits(
    tmp_path: Path, rng: np.random.Generator, weights: np.ndarray, layout: Layout, kind: str
) -> None:
    whole = KINDS[kind](layout)
    half = our_rounds(whole, tmp_path, weights, 1)
    save_file(whole.state(), tmp_path / "state.safetensors")
    rows = drift(rng, half)
    expected = whole.merge(half, write_updates(tmp_path, rows)).weights

    resumed = KINDS[kind](layout)
    resumed.restore(load_file(tmp_path / "state.safetensors"))
    found = resumed.merge(half, write_updates(tmp_path, rows)).weights
    assert np.array_equal(found, expected)
    assert whole.state().keys() == resumed.state().keys()
    for name, moment in whole.state().items():
        assert np.array_equal(moment, resumed.state()[name])
    fresh = KINDS[kind](layout).merge(half, write_updates(tmp_path, rows)).weights
    assert not np.array_equal(fresh, expected)


def without_a_moment(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return dict(list(state.items())[1:])


def shorter(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: value[1:] for name, value in state.items()}


def not_finite(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: value * np.nan for name, value in state.items()}


def double(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: value.astype(np.float64) for name, value in state.items()}


def of_another(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return state | {"w": next(iter(state.values()))}


@pytest.mark.parametrize(
    "change", [without_a_moment, shorter, not_finite, double, of_another], ids=lambda f: f.__name__
)
def test_a_state_that_does_not_fit_is_refused(layout: Layout, kind: str, change: object) -> None:
    strategy: Strategy = KINDS[kind](layout)
    with pytest.raises(DataError, match="state of another strategy"):
        strategy.restore(change(strategy.state()))


def test_a_strategy_without_a_state_refuses_one(layout: Layout, kind: str) -> None:
    FedAvg().restore({})
    with pytest.raises(DataError, match="state of another strategy"):
        FedAvg().restore(KINDS[kind](layout).state())


def test_measured_statistics_are_averaged(
    tmp_path: Path, rng: np.random.Generator, kind: str
) -> None:
    norm = torch.nn.BatchNorm1d(20)
    layout = Layout(norm.state_dict())
    weights = layout.pack(norm.state_dict())
    rows = (weights * rng.uniform(0.01, 0.5, (3, weights.size))).astype(np.float32)
    updates = write_updates(tmp_path, rows)
    merged = layout.unpack(KINDS[kind](layout).merge(weights, updates).weights)
    mean = layout.unpack(FedAvg().merge(weights, updates).weights)
    assert torch.equal(merged["running_var"], mean["running_var"])
    assert torch.equal(merged["running_mean"], mean["running_mean"])
    if kind != "momentum":  # whose first step is the mean itself
        assert not torch.equal(merged["weight"], mean["weight"])
