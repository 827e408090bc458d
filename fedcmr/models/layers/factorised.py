"""Spatio-temporal convolution, factorised: 3x3x3 in space, then 11 taps over time, no activation.

The two layouts differ in the order in which positions lie in memory.

- `slices_as_channels`: `(B, Y, X, T, C)`. The published counts have slices as channels, and the
  3x3x3 kernel spans y, x and time. Time comes last: both kernels then run along the axis of 20
  frames, where they are two to ten times faster than along a small image axis.
- `true_4d`: `(B, T, Z, Y, X, C)`. Frames fold into the batch for the spatial kernel and z, y, x
  into one axis for the temporal one, without a copy.
"""

from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fedcmr.models.layers.channels import channels_first, channels_last, plain_cpu
from fedcmr.models.layers.gate import Gate
from fedcmr.models.layers.temporal import temporal_conv

Layout: TypeAlias = Literal["slices_as_channels", "true_4d"]

TEMPORAL_TAPS = 11


class Kernel(nn.Module):
    """Weight `(filters, channels, *taps)`, Glorot uniform, and bias, zero, as Keras makes them.

    A leaf of its own, not nn.Conv2d: Opacus 1.6's hook for Conv2d reads channels_last memory in the
    wrong order and finds wrong gradients; for a leaf that it does not know it asks autograd.
    """

    def __init__(self, channels: int, filters: int, taps: tuple[int, ...]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(filters, channels, *taps))
        self.bias = nn.Parameter(torch.zeros(filters))
        nn.init.xavier_uniform_(self.weight)


class SpatialConv(Kernel):
    """3x3x3 convolution, stride 1, zero padding."""

    def __init__(self, channels: int, filters: int, layout: Layout) -> None:
        super().__init__(channels, filters, (3, 3, 3))
        self.layout = layout

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, *positions, channels)` to `(B, *positions, filters)`."""
        volumes = x if self.layout == "slices_as_channels" else x.flatten(0, 1)
        if len(volumes) == 1 and x.device.type == "cpu" and volumes.shape[1] % 2 == 0:
            y = self._in_halves(volumes)
        else:
            y = F.conv3d(channels_first(volumes), self.weight, self.bias, padding=1)
        return channels_last(y).view(*x.shape[:-1], -1)

    def _in_halves(self, volume: Tensor) -> Tensor:
        """Convolve one volume as a batch of two: PyTorch gives small single ones a slow kernel."""
        half = volume.shape[1] // 2
        padded = F.pad(volume, (0, 0, 0, 0, 0, 0, 1, 1))
        halves = torch.cat((padded[:, : half + 2], padded[:, half:]))
        return F.conv3d(channels_first(halves), self.weight, self.bias, padding=(0, 1, 1))


class TemporalConv(Kernel):
    """Convolution of 11 taps over time, stride 1, zero padding; in 2-D over (time, place)."""

    def __init__(self, channels: int, filters: int, layout: Layout) -> None:
        taps = (1, TEMPORAL_TAPS) if layout == "slices_as_channels" else (TEMPORAL_TAPS, 1)
        super().__init__(channels, filters, taps)
        self.layout = layout

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, *positions, channels)` to `(B, *positions, filters)`."""
        plane = x.flatten(1, 2) if self.layout == "slices_as_channels" else x.flatten(2, 4)
        if self.layout == "true_4d" and plain_cpu(x):
            y = temporal_conv(plane, self.weight, self.bias)
        else:
            reach = tuple(size // 2 for size in self.weight.shape[2:])
            y = channels_last(
                F.conv2d(channels_first(plane), self.weight, self.bias, padding=reach)
            )
        return y.view(*x.shape[:-1], -1)


class FactorisedConv(nn.Sequential):
    """Optional gate on the input, then the spatial, the temporal, or both convolutions."""

    def __init__(
        self,
        channels: int,
        filters: int,
        *,
        layout: Layout,
        spatial: bool,
        temporal: bool,
        gate: Gate | None,
    ) -> None:
        super().__init__()
        if gate is not None:
            self.add_module("gate", gate)
        if spatial:
            self.add_module("spatial", SpatialConv(channels, filters, layout))
            channels = filters
        if temporal:
            self.add_module("temporal", TemporalConv(channels, filters, layout))
