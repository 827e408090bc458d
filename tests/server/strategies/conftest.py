import numpy as np
import pytest
import torch

from fedcmr.federation.payload import Layout


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)


@pytest.fixture
def weights() -> np.ndarray:
    """Of a small network, (59,)."""
    return np.random.default_rng(7).normal(size=59).astype(np.float32)


@pytest.fixture
def layout() -> Layout:
    return Layout({"linear.weight": torch.zeros(50), "linear.bias": torch.zeros(9)})


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several blocks, the last of them not full."""
    monkeypatch.setattr("fedcmr_server.strategies.columns.COLUMNS", 16)
