from typing import Any

import pytest
import torch

from fedcmr.config import Preprocessing
from fedcmr.errors import ConfigurationError
from fedcmr.models.layers.r2plus1d import R2Plus1d
from fedcmr.models.mvo_r2plus1d_bert import MapBranch, MvoR2Plus1dBert
from fedcmr.models.registry import PUBLISHED_INPUT
from fedcmr.network import ModelSettings
from fedcmr.settings import parse_settings


def network(**switches: Any) -> MvoR2Plus1dBert:
    torch.manual_seed(0)
    values = {"name": "mvo_r2plus1d_bert", "width": 0.125, **switches}
    return MvoR2Plus1dBert(ModelSettings.model_validate(values), PUBLISHED_INPUT["mvo"]).eval()


def cine(count: int = 1) -> torch.Tensor:
    return torch.rand(count, 1, 30, 64, 64, generator=torch.Generator().manual_seed(1))


def size(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_parts_have_the_sizes_of_the_released_code() -> None:
    """MODELS.md, 2.3."""
    with torch.device("meta"):
        model = network(width=1.0)
    assert size(model.backbone) == 31_300_125
    assert size(model.classifier) == 3_155_969  # type: ignore[arg-type]  # bert is on
    assert size(model.map_branch) == 309_633  # type: ignore[arg-type]  # cgmr is on


def test_features_have_the_published_shape() -> None:
    with torch.device("meta"):
        features = R2Plus1d("group")(torch.empty(2, 3, 30, 64, 64))
    assert features.shape == (2, 512, 4, 4, 4)


@pytest.mark.parametrize("preset", ["code", "published"])
@pytest.mark.parametrize(("grid", "side"), [(4, 4), (16, 16), (32, 32), ("raw", 64)])
def test_the_map_has_the_side_of_the_grid(preset: str, grid: int | str, side: int) -> None:
    logits, predicted = network(preset=preset, grid=grid).forward_with_map(cine(2))
    assert logits.shape == (2,)
    assert predicted.shape == (2, side, side)


def test_the_branch_has_no_part_in_the_logit() -> None:
    model = network()
    x = cine()
    with_map, _ = model.forward_with_map(x)
    assert torch.equal(model(x), with_map)
    model.map_branch = None
    assert torch.equal(model(x), with_map)
    with pytest.raises(ValueError, match="no coarse-mask branch"):
        model.forward_with_map(x)


def test_the_order_of_frames_matters_to_bert() -> None:
    model, x = network(), cine()
    assert (model(x) - model(x.flip(2))).abs() > 1e-6


def test_a_grid_that_no_doubling_reaches_is_refused() -> None:
    settings = ModelSettings.model_validate({"name": "mvo_r2plus1d_bert", "grid": "raw"})
    with pytest.raises(ConfigurationError, match="no coarse mask of side 80"):
        MapBranch(64, settings, 80)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "st_ran", "grid": 4}, "st_ran has no switch grid; leave it out"),
        ({"name": "c3d", "norm": "batch"}, "c3d has no switch norm"),
        ({"name": "mvo_r2plus1d_bert", "layout": "true_4d"}, "has no switch layout"),
        ({"name": "mvo_r2plus1d_bert", "cgmr": False, "grid": 4}, "grid belongs to cgmr"),
    ],
)
def test_switches_of_other_networks_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        parse_settings(values, ModelSettings, where="x")


def test_frames_decide_the_number_of_tokens() -> None:
    settings = ModelSettings.model_validate({"name": "mvo_r2plus1d_bert", "width": 0.125})
    short = Preprocessing(slices=1, phases=17, size=64)
    model = MvoR2Plus1dBert(settings, short)
    assert model.state_dict()["classifier.positions.positions"].shape == (4, 64)
    assert model(cine()[:, :, :17]).shape == (1,)
