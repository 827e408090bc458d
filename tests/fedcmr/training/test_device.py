import pytest
import torch

from fedcmr.errors import ConfigurationError
from fedcmr.training.device import choose_precision, visible_devices

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("name", "expected"), [("auto", None), ("fp32", None), ("bf16", torch.bfloat16)]
)
def test_precision_on_a_cpu(name: str, expected: torch.dtype | None) -> None:
    precision = choose_precision(name, CPU)  # type: ignore[arg-type]  # parametrised
    assert precision.autocast == expected
    assert not precision.scaled


def test_fp16_is_refused_on_a_cpu() -> None:
    with pytest.raises(ConfigurationError, match="fp16 needs a GPU"):
        choose_precision("fp16", CPU)


def test_without_a_gpu_the_cpu_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert visible_devices() == (CPU,)


def test_every_visible_gpu_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [str(device) for device in visible_devices()] == ["cuda:0", "cuda:1"]
