import pytest
import torch
from opacus import GradSampleModule
from torch import nn

from fedcmr.models.layers.gate import Gate


def plain(gate: Gate, x: torch.Tensor) -> torch.Tensor:
    """Equations 1-2 with autograd's own graph."""
    hidden = torch.relu(x @ gate.hidden_weight.T + gate.hidden_bias)
    scores = hidden @ gate.score_weight[0] + gate.score_bias
    if gate.normalisation == "sigmoid":
        return x * scores.sigmoid().unsqueeze(-1)
    weights = scores.flatten(1).softmax(1).view(scores.shape) * scores[0].numel()
    return x * weights.unsqueeze(-1)


@pytest.mark.parametrize("normalisation", ["softmax_pos", "sigmoid"])
def test_output_and_gradients_equal_autograds(normalisation: str) -> None:
    torch.manual_seed(0)
    gate = Gate(3, 5, normalisation).double()  # type: ignore[arg-type]  # parametrised
    nn.init.normal_(gate.hidden_bias)
    x = torch.randn(2, 4, 3, 2, 3, dtype=torch.float64, requires_grad=True)
    upstream = torch.randn_like(x)
    variables = (x, *gate.parameters())
    fast = torch.autograd.grad(gate(x), variables, upstream)
    slow = torch.autograd.grad(plain(gate, x), variables, upstream)
    torch.testing.assert_close(gate(x), plain(gate, x))
    torch.testing.assert_close(fast, slow)


def test_gradcheck() -> None:
    torch.manual_seed(0)
    gate = Gate(2, 3, "softmax_pos").double()
    x = torch.randn(2, 3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(gate, x)


def test_weights_have_mean_one_over_positions() -> None:
    torch.manual_seed(0)
    ones = torch.ones(2, 4, 5, 6, 3)
    ones[..., 0] = torch.randn(2, 4, 5, 6)
    weights = Gate(3, 8, "softmax_pos")(ones)[..., 1]
    assert weights.std() > 0.01
    torch.testing.assert_close(weights.mean((1, 2, 3)), torch.ones(2))


def test_opacus_finds_the_gradient_of_each_sample() -> None:
    torch.manual_seed(0)
    gate = Gate(3, 5, "softmax_pos")
    x = torch.randn(3, 2, 4, 3, requires_grad=True)
    expected = [
        torch.autograd.grad(gate(one[None]).square().sum(), gate.hidden_weight) for one in x
    ]
    sampled = GradSampleModule(gate, loss_reduction="sum")
    sampled(x).square().sum().backward()
    torch.testing.assert_close(
        gate.hidden_weight.grad_sample, torch.stack([one[0] for one in expected])
    )
