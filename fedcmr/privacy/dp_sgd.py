"""DP-SGD by patient: clip every patient's gradient, add them up, add noise once (Abadi et al.,
CCS 2016).

The gradient of a patient is that of the mean loss over the patient's studies, so a patient has one
say, however many studies. One backward pass per patient in the training loop's own kernels is exact
for every layer and measured faster than batched per-sample gradients on a CPU (`fedcmr bench dp`).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase

from fedcmr.config import Experiment
from fedcmr.errors import ConfigurationError
from fedcmr.privacy.accounting import Spending, plan
from fedcmr.privacy.noise import Chance

SMALLEST_NORM = 1e-6
"""Added to a norm before the division, as Opacus does; above the rounding of the norm itself."""


@dataclass(frozen=True)
class DpSgd:
    """The private steps of one round; `spending` is what the ledger books before it trains."""

    spending: Spending
    max_grad_norm: float
    secure_random: bool


def dp_sgd(experiment: Experiment, patients: int) -> DpSgd | None:
    """Return the mechanism of one round at a site; None where the experiment has none.

    Args:
        experiment: as accepted.
        patients: with a labelled study to train on, at least one.

    Raises:
        ConfigurationError: see `plan`.
    """
    privacy = experiment.privacy
    if not privacy.private:
        return None
    return DpSgd(plan(experiment, patients), privacy.max_grad_norm, privacy.secure_random)


class PrivateGradient:
    """The noisy mean of clipped gradients, gathered patient by patient.

    Args:
        parameters: trainable ones; their `grad` is read and written.
        max_grad_norm: clip of one patient's gradient, over all parameters together.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], max_grad_norm: float) -> None:
        self._parameters = [parameter for parameter in parameters if parameter.requires_grad]
        self._clip = max_grad_norm
        self._sums = [torch.zeros_like(parameter) for parameter in self._parameters]

    def take(self) -> None:
        """Clip the gradient that one patient left in `grad`, add it to the sum, clear `grad`.

        A gradient that is not finite counts as zero: a bad study must not show in the noise.
        """
        pairs = [
            (total, parameter.grad)
            for total, parameter in zip(self._sums, self._parameters, strict=True)
            if parameter.grad is not None
        ]
        norm = torch.nn.utils.get_total_norm([gradient for _, gradient in pairs])
        if torch.isfinite(norm):
            factor = float((self._clip / (norm + SMALLEST_NORM)).clamp(max=1))
            for total, gradient in pairs:
                total.add_(gradient, alpha=factor)
        for parameter in self._parameters:
            parameter.grad = None

    def release(self, expected: float, noise: tuple[Chance, float] | None) -> None:
        """Leave (sum + noise) / expected in `grad` of every parameter and start a new sum.

        Args:
            expected: patients in a step on average; the drawn number would itself tell something.
            noise: source, and standard deviation over the clip; None on all but one process.
        """
        for parameter, total in zip(self._parameters, self._sums, strict=True):
            if noise is not None:
                chance, multiplier = noise
                total.add_(chance.normal(total), alpha=multiplier * self._clip)
            parameter.grad = total / expected
            total.zero_()


def refuse_mixing(model: nn.Module) -> None:
    """Check that no layer mixes patients or keeps their statistics.

    Raises:
        ConfigurationError: naming the first layer and the remedy.
    """
    for name, module in model.named_modules():
        tracks = isinstance(module, _NormBase) and module.track_running_stats
        if isinstance(module, _BatchNorm) or tracks:
            raise ConfigurationError(
                f"{name} ({type(module).__name__}) keeps statistics of patients, which no noise "
                "protects",
                fix="set model.norm: group",
            )
    from opacus.validators import ModuleValidator  # see accounting.py

    if problems := ModuleValidator.validate(model.train()):
        raise ConfigurationError(
            f"not a network for dp_sgd: {problems[0]}", fix="replace the layer"
        )


def patient_groups(patients: Iterable[str]) -> list[Tensor]:
    """Return the positions of each patient's studies, in the order of first appearance."""
    groups: dict[str, list[int]] = {}
    for position, patient in enumerate(patients):
        groups.setdefault(patient, []).append(position)
    return [torch.tensor(group) for group in groups.values()]
