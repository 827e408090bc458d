import pytest
import torch
from torch import nn

from fedcmr.config import TrainingSettings
from fedcmr.training.optimizer import learning_rate, make_optimizer


def test_rate_falls_with_inverse_time() -> None:
    recipe = TrainingSettings(optimizer="sgd", learning_rate=1e-3, lr_decay=1e-4)
    assert learning_rate(recipe, 0) == 1e-3
    assert learning_rate(recipe, 10_000) == pytest.approx(5e-4)


@pytest.mark.parametrize(("name", "kind"), [("adam", torch.optim.Adam), ("sgd", torch.optim.SGD)])
def test_no_weight_decay_and_no_momentum(name: str, kind: type) -> None:
    settings = TrainingSettings.model_validate({"optimizer": name})
    optimizer = make_optimizer(nn.Linear(1, 1).parameters(), settings)
    assert type(optimizer) is kind
    assert optimizer.defaults["weight_decay"] == 0
    assert optimizer.defaults.get("momentum", 0) == 0
