"""Normalisation of convolutions: statistics of one sample (group) or of the batch (as published).

Group is the federated default: running statistics of a batch differ by scanner, and differential
privacy does not allow them. Both have the same number of parameters.
"""

from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

from fedcmr.models.layers.channels import channels_first, channels_last, plain_cpu

Normalisation: TypeAlias = Literal["group", "batch"]

EPSILON = 1e-3
"""Keras' default, in every norm of the released code of ST-RAN and its comparators."""


def group_norm(channels: int, epsilon: float = 1e-5) -> nn.GroupNorm:
    """Return a GroupNorm of as many groups, at most 8, as divide the channels."""
    groups = next(size for size in (8, 4, 3, 2, 1) if channels % size == 0)
    return nn.GroupNorm(groups, channels, eps=epsilon)


def normalisation(channels: int, kind: Normalisation, positions: int = 3) -> nn.Module:
    """Return the norm of `(B, C, *positions)` for two or three axes of positions."""
    if kind == "group":
        return group_norm(channels)
    return nn.BatchNorm3d(channels) if positions == 3 else nn.BatchNorm2d(channels)


def keras_norm(channels: int, kind: Normalisation) -> nn.Module:
    """Return the norm of `(B, C, *three positions)` with the constants of Keras."""
    if kind == "group":
        return group_norm(channels, EPSILON)
    return nn.BatchNorm3d(channels, eps=EPSILON, momentum=0.01)


class StemNorm(nn.Module):
    """The norm over the channels of `(B, *positions, C)`."""

    def __init__(self, channels: int, kind: Normalisation) -> None:
        super().__init__()
        self.norm = keras_norm(channels, kind)
        if isinstance(self.norm, nn.GroupNorm):
            self.norm = _GroupNorm(self.norm.num_groups, channels, eps=EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` normalised, in its shape."""
        volume = x.flatten(1, x.ndim - 4)
        return channels_last(self.norm(channels_first(volume))).view(x.shape)


class _GroupNorm(nn.GroupNorm):
    """PyTorch's, with a backward pass for channels_last memory: a quarter of its time on a CPU."""

    def forward(self, input: Tensor) -> Tensor:
        if not plain_cpu(input):
            return super().forward(input)
        y: Tensor = _GroupNormFunction.apply(  # type: ignore[no-untyped-call]  # torch's own
            input, self.weight, self.bias, self.num_groups, self.eps
        )[0]
        return y


class _GroupNormFunction(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(
        x: Tensor, weight: Tensor, bias: Tensor, groups: int, epsilon: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return `(B, C, *positions)` normalised, means and reciprocal deviations (B, groups)."""
        count, channels = x.shape[:2]
        return torch.native_group_norm(
            x, weight, bias, count, channels, x[0, 0].numel(), groups, epsilon
        )

    @staticmethod
    def setup_context(
        ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]
    ) -> None:
        x, weight, *_ = inputs
        _, mean, scale = output
        ctx.mark_non_differentiable(mean, scale)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, weight, mean, scale)

    @staticmethod
    def backward(ctx: Any, grad: Tensor | None, *_: None) -> tuple[Tensor | None, ...]:
        if grad is None:
            return (None,) * 5
        x, weight, means, scale = ctx.saved_tensors
        (count, groups), each = means.shape, x.shape[1] // means.shape[1]
        rows, grads = (channels_last(t).flatten(1, -2) for t in (x, grad))
        of_grad, of_product = grads.sum(1), (grads * rows).sum(1)

        def mean_of_group(values: Tensor) -> Tensor:
            total = (values * weight).view(count, groups, each).sum(-1)
            mean: Tensor = total / (rows.shape[1] * each)
            return mean

        def spread(values: Tensor) -> Tensor:
            return values.repeat_interleave(each, 1)

        slope = (mean_of_group(of_grad) * means - mean_of_group(of_product)) * scale**3
        shift = -slope * means - mean_of_group(of_grad) * scale
        grad_rows = torch.addcmul(spread(shift)[:, None], grads, (spread(scale) * weight)[:, None])
        grad_rows.addcmul_(rows, spread(slope)[:, None])
        grad_weight = ((of_product - of_grad * spread(means)) * spread(scale)).sum(0)
        grad_x = channels_first(grad_rows.view(len(x), *x.shape[2:], -1))
        return grad_x, grad_weight, of_grad.sum(0), None, None
