from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from fedcmr.errors import ConfigurationError
from fedcmr.models.mvo_r2plus1d_bert import MvoR2Plus1dBert
from fedcmr.models.pretrained import load_backbone, read_weights
from fedcmr.models.registry import PUBLISHED_INPUT
from fedcmr.network import ModelSettings

Shapes = Iterator[tuple[str, tuple[int, ...]]]


def norm(name: str, channels: int) -> Shapes:
    for entry in ("weight", "bias", "running_mean", "running_var"):
        yield f"{name}.{entry}", (channels,)
    yield f"{name}.num_batches_tracked", ()


def r2plus1d_18() -> Shapes:
    """Names and shapes as torchvision's `r2plus1d_18().state_dict()` has them."""
    yield "stem.0.weight", (45, 3, 1, 7, 7)
    yield from norm("stem.1", 45)
    yield "stem.3.weight", (64, 45, 3, 1, 1)
    yield from norm("stem.4", 64)
    channels = 64
    for layer, (filters, first, second) in enumerate(
        ((64, 144, 144), (128, 230, 288), (256, 460, 576), (512, 921, 1152)), start=1
    ):
        for block, middle in enumerate((first, second)):
            for index in (1, 2):
                conv = f"layer{layer}.{block}.conv{index}"
                inputs = channels if index == 1 else filters
                yield f"{conv}.0.0.weight", (middle, inputs, 1, 3, 3)
                yield from norm(f"{conv}.0.1", middle)
                yield f"{conv}.0.3.weight", (filters, middle, 3, 1, 1)
                yield from norm(f"{conv}.1", filters)
            if block == 0 and layer > 1:
                yield f"layer{layer}.0.downsample.0.weight", (filters, channels, 1, 1, 1)
                yield from norm(f"layer{layer}.0.downsample.1", filters)
            channels = filters
    yield "fc.weight", (400, 512)
    yield "fc.bias", (400,)


@pytest.fixture(scope="module")
def kinetics() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.rand(shape, generator=generator) if shape else torch.tensor(7)
        for name, shape in r2plus1d_18()
    }


def network(**switches: object) -> MvoR2Plus1dBert:
    settings = {"name": "mvo_r2plus1d_bert", "norm": "batch", "cgmr": False, **switches}
    return MvoR2Plus1dBert(ModelSettings.model_validate(settings), PUBLISHED_INPUT["mvo"])


def test_the_made_up_state_has_the_published_size(kinetics: dict[str, Tensor]) -> None:
    trained = [v for k, v in kinetics.items() if "running" not in k and "num_batches" not in k]
    assert sum(value.numel() for value in trained) == 31_505_325


def test_every_weight_arrives(kinetics: dict[str, Tensor]) -> None:
    model = network()
    load_backbone(model, kinetics)
    for name, value in model.backbone.state_dict().items():
        assert "num_batches" in name or torch.equal(value, kinetics[name]), name
    published = network(preset="published")
    load_backbone(published, kinetics)
    assert published.fc is not None
    assert torch.equal(published.fc.weight, kinetics["fc.weight"])


def test_group_norm_has_no_place_for_statistics(kinetics: dict[str, Tensor]) -> None:
    with pytest.raises(ConfigurationError, match=r"belong to BatchNorm; set model\.norm to batch"):
        load_backbone(network(norm="group"), kinetics)


def test_a_weight_that_does_not_fit_is_named(kinetics: dict[str, Tensor]) -> None:
    fewer = {name: value for name, value in kinetics.items() if name != "stem.3.weight"}
    with pytest.raises(ConfigurationError, match=r"backbone\.stem\.3\.weight is missing, expected"):
        load_backbone(network(), fewer)
    with pytest.raises(ConfigurationError, match=r"is \(1,\), expected nothing"):
        load_backbone(network(), {**kinetics, "head.bias": torch.zeros(1)})
    with pytest.raises(ConfigurationError, match=r"model\.width 1"):
        load_backbone(network(width=0.5), kinetics)


def test_files_of_both_kinds_are_read(tmp_path: Path) -> None:
    state = {"stem.0.weight": torch.ones(2)}
    torch.save(state, tmp_path / "a.pth")
    save_file(state, tmp_path / "a.safetensors")
    for name in ("a.pth", "a.safetensors"):
        assert torch.equal(read_weights(tmp_path / name)["stem.0.weight"], torch.ones(2))


@pytest.mark.parametrize("name", ["none.pth", "bad.pth", "bad.safetensors", "list.pth", "code.pth"])
def test_other_files_are_refused_in_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "bad.pth").write_bytes(b"no weights")
    (tmp_path / "bad.safetensors").write_bytes(b"no weights")
    torch.save([torch.ones(1)], tmp_path / "list.pth")
    torch.save(Path("/tmp"), tmp_path / "code.pth")
    with pytest.raises(ConfigurationError, match=name):
        read_weights(tmp_path / name)


def test_a_value_that_is_no_number_is_refused(kinetics: dict[str, Tensor]) -> None:
    with pytest.raises(ConfigurationError, match=r"no number: backbone\.stem\.0\.weight"):
        load_backbone(
            network(), kinetics | {"stem.0.weight": torch.full((45, 3, 1, 7, 7), torch.nan)}
        )
