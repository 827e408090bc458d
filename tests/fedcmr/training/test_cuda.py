"""What only a GPU can show."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from fedcmr.config import TrainingSettings
from fedcmr.tasks.scar import SCAR
from fedcmr.training.local import train_round
from fedcmr.training.scoring import score

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
ROWS = [(i, i % 2, "train" if i < 7 else "test") for i in range(9)]
SGD = TrainingSettings(optimizer="sgd", learning_rate=0.1, batch_size=4, precision="fp32")


@pytest.fixture(autouse=True)
def full_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.mark.parametrize("layout", ["slices_as_channels", "true_4d"])
def test_gpu_and_cpu_train_alike(make_dataset: Any, make_model: Any, layout: str) -> None:
    dataset, models = make_dataset("site", ROWS), [make_model(layout=layout) for _ in range(2)]
    for model, device in zip(models, (CPU, GPU), strict=True):
        train_round(model, SCAR, dataset, SGD, start_step=0, epochs=1, device=device)
        assert all(parameter.device == CPU for parameter in model.parameters())
    torch.testing.assert_close(models[1].state_dict(), models[0].state_dict(), rtol=0, atol=1e-4)
    on_cpu, on_gpu = (score(models[0], SCAR, dataset, "test", device=d) for d in (CPU, GPU))
    torch.testing.assert_close(on_gpu.scores, on_cpu.scores, rtol=0, atol=1e-5)


@pytest.mark.parametrize("precision", ["bf16", "fp16", "auto"])
@pytest.mark.parametrize("layout", ["slices_as_channels", "true_4d"])
def test_narrow_formats_come_near_fp32(
    make_dataset: Any, make_model: Any, precision: str, layout: str
) -> None:
    dataset = make_dataset("site", ROWS)
    losses = []
    for word in ("fp32", precision):
        model = make_model(layout=layout)
        settings = SGD.model_copy(update={"precision": word})
        result = train_round(model, SCAR, dataset, settings, start_step=0, epochs=3, device=GPU)
        assert all(parameter.isfinite().all() for parameter in model.parameters())
        losses.append(result.loss)
    assert losses[1] == pytest.approx(losses[0], rel=0.1)


def test_every_visible_gpu_trains_as_one(make_dataset: Any, make_model: Any) -> None:
    dataset, single, together = make_dataset("site", ROWS), make_model(), make_model()
    train_round(single, SCAR, dataset, SGD, start_step=0, epochs=1, device=GPU)
    train_round(together, SCAR, dataset, SGD, start_step=0, epochs=1)
    torch.testing.assert_close(together.state_dict(), single.state_dict(), rtol=0, atol=1e-4)


def test_convolutions_answer_in_channels_last(
    make_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def spy_on(conv: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        def spy(*args: Any, **more: Any) -> torch.Tensor:
            y = conv(*args, **more)
            seen.append(y.movedim(1, -1).is_contiguous())
            return y

        return spy

    monkeypatch.setattr(F, "conv2d", spy_on(F.conv2d))
    monkeypatch.setattr(F, "conv3d", spy_on(F.conv3d))
    make_model().to(GPU)(torch.rand(2, 2, 6, 16, 16, device=GPU))
    assert len(seen) == 18
    assert all(seen)
