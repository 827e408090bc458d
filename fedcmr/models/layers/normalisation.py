"""Normalisation after the stem: statistics of one study (group) or of the batch (as published)."""

from typing import Literal, TypeAlias

from torch import Tensor, nn

from fedcmr.models.layers.channels import channels_first, channels_last

StemNormalisation: TypeAlias = Literal["group", "batch"]

EPSILON = 1e-3
"""Keras' default, in every norm of the released code."""


class StemNorm(nn.Module):
    """GroupNorm or BatchNorm over the channels of `(B, *positions, C)`.

    Group is the federated default: running statistics of a batch differ by scanner, and
    differential privacy does not allow them.
    """

    def __init__(self, channels: int, kind: StemNormalisation) -> None:
        super().__init__()
        self.norm: nn.Module
        if kind == "group":
            groups = next(size for size in (8, 4, 3, 2, 1) if channels % size == 0)
            self.norm = nn.GroupNorm(groups, channels, eps=EPSILON)
        else:
            self.norm = nn.BatchNorm3d(channels, eps=EPSILON, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` normalised, in its shape."""
        volume = x.flatten(1, x.ndim - 4)
        return channels_last(self.norm(channels_first(volume))).view(x.shape)
