"""Clipping by patient against Opacus' per-sample gradients and against the formula."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from opacus import GradSampleModule
from torch import Tensor, nn

from fedcmr.config import Experiment, Preprocessing
from fedcmr.errors import ConfigurationError
from fedcmr.models.registry import build
from fedcmr.network import ModelSettings
from fedcmr.privacy.accounting import Spending
from fedcmr.privacy.dp_sgd import DpSgd, PrivateGradient, dp_sgd, patient_groups, refuse_mixing
from fedcmr.privacy.noise import Chance

SMALL = Preprocessing(slices=2, phases=6, size=16)


def network(name: str = "st_ran", **switches: Any) -> nn.Module:
    torch.manual_seed(0)
    return build(ModelSettings.model_validate({"name": name, **switches}), SMALL)


def studies(count: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.rand((count, 2, 6, 16, 16), generator=generator)
    return x, (torch.arange(count) % 2).float()


def take_each(model: nn.Module, x: Tensor, y: Tensor, clip: float) -> list[Tensor]:
    """Return the sum of clipped gradients as our loop makes it, a patient per study."""
    gradient = PrivateGradient(model.parameters(), clip)
    for one in range(len(x)):
        F.binary_cross_entropy_with_logits(model(x[one : one + 1]), y[one : one + 1]).backward()
        gradient.take()
    gradient.release(1.0, None)
    return [
        parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None
    ]


@pytest.mark.parametrize("layout", ["slices_as_channels", "true_4d"])
def test_clipped_sum_equals_opacus(layout: str) -> None:
    """With a clip between the norms, so that some studies are clipped and others are not."""
    x, y = studies(4)
    opacus = GradSampleModule(network(layout=layout), loss_reduction="sum")
    F.binary_cross_entropy_with_logits(opacus(x), y, reduction="sum").backward()
    samples = [parameter.grad_sample for parameter in opacus.parameters()]
    norms = torch.stack([s.flatten(1).norm(dim=1) for s in samples]).norm(dim=0)
    clip = float(norms.sort().values[1:3].mean())
    factors = (clip / (norms + 1e-6)).clamp(max=1)
    assert 0 < int((factors < 1).sum()) < 4
    expected = [torch.einsum("b,b...->...", factors, sample) for sample in samples]
    for ours, theirs in zip(take_each(network(layout=layout), x, y, clip), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5 * float(norms.max()))


def test_each_gradient_equals_opacus_without_a_clip() -> None:
    x, y = studies(3)
    opacus = GradSampleModule(network(), loss_reduction="sum")
    F.binary_cross_entropy_with_logits(opacus(x), y, reduction="sum").backward()
    for one in range(3):
        ours = take_each(network(), x[one : one + 1], y[one : one + 1], math.inf)
        theirs = [parameter.grad_sample[one] for parameter in opacus.parameters()]
        largest = max(float(gradient.abs().max()) for gradient in theirs)
        for first, second in zip(ours, theirs, strict=True):
            torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-5 * largest)


def test_noise_is_added_to_the_sum_before_the_division() -> None:
    parameter = nn.Parameter(torch.zeros(200_000))
    gradient = PrivateGradient([parameter], max_grad_norm=0.5)
    parameter.grad = torch.ones(200_000)
    gradient.take()
    gradient.release(4.0, (Chance(secure=False), 3.0))
    assert parameter.grad is not None
    clipped = 0.5 / math.sqrt(200_000)
    assert float(parameter.grad.mean()) == pytest.approx(clipped / 4, abs=5e-3)
    assert float(parameter.grad.std()) == pytest.approx(3.0 * 0.5 / 4, rel=0.01)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_gradient_that_is_not_finite_counts_as_zero(bad: float) -> None:
    parameter = nn.Parameter(torch.zeros(2))
    gradient = PrivateGradient([parameter], max_grad_norm=10.0)
    for values in ([3.0, 4.0], [bad, 1.0]):
        parameter.grad = torch.tensor(values)
        gradient.take()
    gradient.release(1.0, None)
    assert parameter.grad is not None
    torch.testing.assert_close(parameter.grad, torch.tensor([3.0, 4.0]))


def test_patients_keep_their_studies_together() -> None:
    groups = patient_groups(["b", "a", "b", "c", "b"])
    assert [group.tolist() for group in groups] == [[0, 2, 4], [1], [3]]


def test_batch_statistics_are_refused_with_the_remedy() -> None:
    with pytest.raises(ConfigurationError, match=r"stem_norm\.norm.*model\.norm: group"):
        refuse_mixing(network(norm="batch"))
    with pytest.raises(ConfigurationError, match="InstanceNorm2d"):
        refuse_mixing(nn.Sequential(nn.InstanceNorm2d(2, affine=True, track_running_stats=True)))
    with pytest.raises(ConfigurationError, match="MultiheadAttention"):
        refuse_mixing(nn.Sequential(nn.MultiheadAttention(4, 2)))
    refuse_mixing(network())


def test_the_mechanism_of_an_experiment() -> None:
    assert dp_sgd(Experiment(name="open"), 10) is None
    privacy = {"mechanism": "dp_sgd", "noise_multiplier": 2.0, "max_grad_norm": 0.3}
    private = Experiment.model_validate(
        {"name": "private", "privacy": privacy, "federation": {"select": "last"}}
    )
    assert dp_sgd(private, 128) == DpSgd(Spending(2.0, 0.5, 2), 0.3, secure_random=True)
