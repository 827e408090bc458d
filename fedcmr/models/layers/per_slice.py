"""Layers that see each slice of `(B, Z, ...)` alone, with the same weights.

Slices fold into the batch inside the layer, not before it: to Opacus, which has no rule for these
classes and asks autograd, a sample then is the whole study.
"""

from typing import Any

from torch import Tensor, nn


class PerSlice:
    """Mixed in before a layer of `(N, ...)`: the layer of `(B, Z, ...)`."""

    def forward(self: Any, x: Tensor) -> Tensor:
        """Map `(B, Z, ...)`, each slice by itself."""
        folded: Tensor = super().forward(x.flatten(0, 1))  # type: ignore[misc]  # of the layer
        return folded.view(*x.shape[:2], *folded.shape[1:])


class SliceConv3d(PerSlice, nn.Conv3d):
    """`(B, Z, C, T, Y, X)`."""


class SliceGroupNorm(PerSlice, nn.GroupNorm):
    """`(B, Z, C, T, Y, X)`."""


class SliceBatchNorm3d(PerSlice, nn.BatchNorm3d):
    """`(B, Z, C, T, Y, X)`."""


class SliceMaxPool3d(PerSlice, nn.MaxPool3d):
    """`(B, Z, C, T, Y, X)`."""
