import numpy as np
import pytest
import torch

from fedcmr.config import Preprocessing
from fedcmr.federation.fedbn import with_own
from fedcmr.federation.payload import Layout
from fedcmr.models.registry import build
from fedcmr.network import ModelSettings

SHAPE = Preprocessing(size=16, phases=4, slices=3)


@pytest.mark.parametrize("norm", ["group", "batch"])
def test_only_entries_of_normalisation_layers_are_the_sites_own(norm: str) -> None:
    model = build(ModelSettings(name="st_ran", norm=norm), SHAPE)
    layout = Layout(model.state_dict())
    sent, own = np.zeros(layout.size, np.float32), np.ones(layout.size, np.float32)
    start = layout.unpack(with_own(sent, own, model))
    kept = {name for name, value in start.items() if value.all()}
    assert {name for name, value in start.items() if value.any()} == kept
    normalising = {
        f"{path}.{name}"
        for path, module in model.named_modules()
        if "Norm" in type(module).__name__ and not list(module.children())
        for name, value in module.state_dict().items()
        if value.is_floating_point()
    }
    assert kept == normalising
    assert ("running_var" in {name.rpartition(".")[2] for name in kept}) == (norm == "batch")
    assert not sent.any()


def test_parameters_of_the_network_itself_are_shared() -> None:
    class Bare(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gain = torch.nn.Parameter(torch.ones(3))
            self.norm = torch.nn.LayerNorm(2)

    start = with_own(np.zeros(7, np.float32), np.ones(7, np.float32), Bare())
    assert start.tolist() == [0, 0, 0, 1, 1, 1, 1]
