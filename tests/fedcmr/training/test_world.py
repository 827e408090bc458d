"""Two processes on a CPU stand for two GPUs."""

from typing import Any

import pytest
import torch
from torch import nn

from fedcmr.config import TrainingSettings
from fedcmr.errors import DataError, FedcmrError
from fedcmr.tasks.scar import SCAR
from fedcmr.training.local import train_round
from fedcmr.training.world import World, on_devices

CPU = torch.device("cpu")
SETTINGS = TrainingSettings(optimizer="sgd", learning_rate=1e-3, batch_size=4, micro_batch=1)


def test_two_processes_train_as_one(
    make_dataset: Any, make_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = make_dataset("site", [(i, i % 2, "train") for i in range(5)])
    single, double = make_model(), make_model()
    one = train_round(single, SCAR, dataset, SETTINGS, start_step=0, epochs=2, device=CPU)
    monkeypatch.setattr("fedcmr.training.local.visible_devices", lambda: (CPU, CPU))
    two = train_round(double, SCAR, dataset, SETTINGS, start_step=0, epochs=2)
    assert (two.examples, two.steps) == (one.examples, one.steps) == (5, 4)
    assert two.loss == pytest.approx(one.loss, rel=1e-5)
    for name, value in single.state_dict().items():
        torch.testing.assert_close(double.state_dict()[name], value, rtol=0, atol=1e-6)


def refuse(world: World, model: nn.Module) -> None:
    raise DataError("the array of a study cannot be read", fix="run ingest again")


def test_an_error_of_a_process_arrives_as_itself() -> None:
    with pytest.raises(FedcmrError, match=r"^the array of a study .*; run ingest again$"):
        on_devices(refuse, (CPU, CPU), nn.Linear(1, 1))
