import pytest
import torch

from fedcmr.models.layers.normalisation import EPSILON, StemNorm


@pytest.mark.parametrize("positions", [(4, 5, 6), (3, 2, 4, 5)])
def test_group_normalises_each_study_alone(positions: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    x = 3 + 2 * torch.randn(2, *positions, 16)
    both = StemNorm(16, "group")(x)
    torch.testing.assert_close(both[1:], StemNorm(16, "group")(x[1:]))
    pairs = both.flatten(1, -2).unflatten(-1, (8, 2))
    torch.testing.assert_close(pairs.mean((1, 3)), torch.zeros(2, 8), atol=1e-5, rtol=0)
    torch.testing.assert_close(pairs.var((1, 3), correction=0), torch.ones(2, 8), atol=1e-3, rtol=0)


def test_backward_of_groups_equals_torchs() -> None:
    torch.manual_seed(0)
    ours = StemNorm(16, "group").double()
    theirs = torch.nn.GroupNorm(8, 16, eps=EPSILON, dtype=torch.float64)
    torch.nn.init.normal_(ours.norm.weight)
    theirs.load_state_dict(ours.norm.state_dict())
    x = torch.randn(2, 3, 4, 5, 16, dtype=torch.float64, requires_grad=True)
    upstream = torch.randn_like(x)
    fast = torch.autograd.grad(ours(x), (x, *ours.parameters()), upstream)
    slow = theirs(x.movedim(-1, 1)).movedim(1, -1)
    torch.testing.assert_close(fast, torch.autograd.grad(slow, (x, *theirs.parameters()), upstream))


def test_gradcheck_of_groups() -> None:
    torch.manual_seed(0)
    norm = StemNorm(6, "group").double()
    x = torch.randn(2, 2, 2, 2, 6, dtype=torch.float64, requires_grad=True)
    assert norm.norm.num_groups == 3
    assert torch.autograd.gradcheck(norm, x)


def test_batch_normalises_channels_over_all_studies() -> None:
    torch.manual_seed(0)
    norm = StemNorm(16, "batch")
    y = norm(3 + 2 * torch.randn(4, 4, 5, 6, 16))
    torch.testing.assert_close(y.mean((0, 1, 2, 3)), torch.zeros(16), atol=1e-5, rtol=0)
    torch.testing.assert_close(norm.norm.running_mean, torch.full((16,), 0.03), atol=3e-3, rtol=0)


def test_groups_divide_odd_widths() -> None:
    assert StemNorm(45, "group").norm.num_groups == 3
