"""Normalisation of convolutions: statistics of one sample (group) or of the batch (as published).

Group is the federated default: running statistics of a batch differ by scanner, and differential
privacy does not allow them. Both have the same number of parameters.
"""

from typing import Literal, TypeAlias

from torch import Tensor, nn

from fedcmr.models.layers.channels import channels_first, channels_last

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

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` normalised, in its shape."""
        volume = x.flatten(1, x.ndim - 4)
        return channels_last(self.norm(channels_first(volume))).view(x.shape)
