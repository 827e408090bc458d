import pytest
import torch
import torch.nn.functional as F

from fedcmr.models.layers import temporal
from fedcmr.models.layers.factorised import TemporalConv
from fedcmr.models.layers.temporal import temporal_conv

SHAPE = (2, 6, 7, 3)


@pytest.fixture(params=[6, 15, 10**6], autouse=True)
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of two places with a rest of one, of five with a rest of two, and of all."""
    monkeypatch.setattr(temporal, "BLOCK", request.param)


def variables(filters: int) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(0)
    shapes = (SHAPE, (filters, SHAPE[-1], 11, 1), (filters,))
    return tuple(torch.randn(s, dtype=torch.float64, requires_grad=True) for s in shapes)


def test_output_and_gradients_equal_one_convolution_of_all() -> None:
    x, weight, bias = variables(4)
    fast = temporal_conv(x, weight, bias)
    slow = F.conv2d(x.movedim(-1, 1), weight, bias, padding=(5, 0)).movedim(1, -1)
    torch.testing.assert_close(fast, slow)
    upstream = torch.randn_like(fast)
    torch.testing.assert_close(
        torch.autograd.grad(fast, (x, weight, bias), upstream),
        torch.autograd.grad(slow, (x, weight, bias), upstream),
    )


def test_gradcheck() -> None:
    assert torch.autograd.gradcheck(temporal_conv, variables(2))


def test_an_input_without_gradient_is_given_none() -> None:
    x, weight, bias = variables(2)
    temporal_conv(x.detach(), weight, bias).sum().backward()
    assert weight.grad is not None
    assert weight.grad.abs().min() > 0


def test_autocast_takes_its_own_format() -> None:
    torch.manual_seed(0)
    conv = TemporalConv(3, 4, "true_4d")
    x = torch.randn(1, 6, 2, 2, 2, 3, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        narrow = conv(x)
    assert narrow.dtype == torch.bfloat16
    narrow.float().square().sum().backward()
    in_bf16 = conv.weight.grad
    conv.weight.grad = None
    conv(x).square().sum().backward()
    torch.testing.assert_close(in_bf16, conv.weight.grad, rtol=0.1, atol=0.3)


def test_vmap_finds_the_gradient_of_each_sample() -> None:
    x, weight, bias = (value.detach() for value in variables(2))

    def loss(w: torch.Tensor, one: torch.Tensor) -> torch.Tensor:
        return temporal_conv(one[None], w, bias).square().sum()

    each = torch.func.vmap(torch.func.grad(loss), (None, 0))(weight, x)
    alone = [torch.func.grad(loss)(weight, one) for one in x]
    torch.testing.assert_close(each, torch.stack(alone))
