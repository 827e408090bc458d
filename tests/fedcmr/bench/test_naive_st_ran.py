import pytest
import torch

from fedcmr.bench.naive_st_ran import naive_logits
from fedcmr.models.layers.factorised import Layout
from fedcmr.models.st_ran import StRan
from fedcmr.network import ModelSettings


@pytest.mark.parametrize("layout", ["slices_as_channels", "true_4d"])
@pytest.mark.parametrize("attention", [True, False])
def test_the_naive_reading_is_the_same_function(layout: Layout, attention: bool) -> None:
    torch.manual_seed(0)
    settings = ModelSettings(layout=layout)
    model = StRan(settings, 3, attention=attention, residual_attention=attention).double()
    cine = torch.rand(2, 3, 6, 16, 16, dtype=torch.float64)
    fast, naive = model(cine), naive_logits(model, cine)
    torch.testing.assert_close(naive, fast)
    parameters = list(model.parameters())
    torch.testing.assert_close(
        torch.autograd.grad(naive.sum(), parameters), torch.autograd.grad(fast.sum(), parameters)
    )
