import pytest
import torch
from torch import nn

from fedcmr.config import TrainingSettings
from fedcmr.training.optimizer import learning_rate, make_optimizer

PAPER = TrainingSettings(
    optimizer="adamw",
    weight_decay=0.01,
    schedule="polynomial",
    warmup_steps=1500,
    total_steps=8000,
)


def test_rate_of_the_mvo_paper() -> None:
    """Linear from 1e-6 to the falling line at step 1500, then on it to 0 at step 8000."""
    rates = [learning_rate(PAPER, step) for step in range(9000)]
    assert rates[0] == pytest.approx(1e-6)
    assert rates[1500] == pytest.approx(1e-4 * (1 - 1500 / 8000))
    assert rates[4000] == pytest.approx(5e-5)
    assert rates[8000] == rates[8999] == 0
    assert max(rates) == pytest.approx(rates[1500], rel=2e-3)
    halfway = (1e-6 + 1e-4 * (1 - 750 / 8000)) / 2
    assert rates[750] == pytest.approx(halfway)


def test_adamw_decays_weights() -> None:
    optimizer = make_optimizer(nn.Linear(1, 1).parameters(), PAPER)
    assert type(optimizer) is torch.optim.AdamW
    assert optimizer.defaults["weight_decay"] == 0.01
    assert optimizer.defaults["betas"] == (0.9, 0.999)


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
