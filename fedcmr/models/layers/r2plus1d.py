"""R(2+1)D-18: convolutions over (y, x), then over time. Tran et al., CVPR 2018.

Modules have the names of torchvision's `r2plus1d_18`, so its weights fit as they are.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from fedcmr.models.layers.convolution import ONE, Triple, conv, conv_norm
from fedcmr.models.layers.normalisation import Normalisation, normalisation
from fedcmr.models.layers.shape import scaled

WIDTHS = (64, 128, 256, 512)
STEM_MIDDLE = 45
TIME_STRIDE = 8
"""Frames per frame of the output."""


def middle(channels: int, filters: int) -> int:
    """Return the channels between the two kernels that match the size of a full 3x3x3 kernel."""
    return channels * filters * 27 // (channels * 9 + 3 * filters)


class BasicBlock(nn.Module):
    """Two factorised convolutions and a shortcut; both share the width in their middle."""

    def __init__(self, channels: int, filters: int, stride: int, norm: Normalisation) -> None:
        super().__init__()
        between = middle(channels, filters)

        def factorised(inputs: int, step: int) -> nn.Sequential:
            return nn.Sequential(
                conv(inputs, between, (1, 3, 3), (1, step, step)),
                normalisation(between, norm),
                nn.ReLU(),
                conv(between, filters, (3, 1, 1), (step, 1, 1)),
            )

        self.conv1 = nn.Sequential(
            factorised(channels, stride), normalisation(filters, norm), nn.ReLU()
        )
        self.conv2 = nn.Sequential(factorised(filters, 1), normalisation(filters, norm))
        steps: Triple = (stride, stride, stride)
        self.downsample: nn.Module = (
            nn.Identity()
            if stride == 1 and channels == filters
            else conv_norm(channels, filters, ONE, steps, norm=norm)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, channels, T, Y, X)` to `(B, filters, T, Y, X)`, each axis over the stride."""
        return F.relu(self.conv2(self.conv1(x)) + self.downsample(x))


class R2Plus1d(nn.Module):
    """The network without its classifier.

    Args:
        norm: of all convolutions.
        width: share of the filters.
    """

    def __init__(self, norm: Normalisation, width: float = 1.0) -> None:
        super().__init__()
        first, *_ = widths = [scaled(channels, width) for channels in WIDTHS]
        between = max(1, round(STEM_MIDDLE * width))
        self.channels = widths[-1]
        self.stem = nn.Sequential(
            conv(3, between, (1, 7, 7), (1, 2, 2)),
            normalisation(between, norm),
            nn.ReLU(),
            conv(between, first, (3, 1, 1)),
            normalisation(first, norm),
            nn.ReLU(),
        )
        inputs = [first, *widths]
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            nn.Sequential(
                BasicBlock(channels, filters, 1 if index == 0 else 2, norm),
                BasicBlock(filters, filters, 1, norm),
            )
            for index, (channels, filters) in enumerate(zip(inputs, widths, strict=False))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, 3, T, Y, X)` to `(B, channels, ceil(T/8), Y/16, X/16)`."""
        x = self.layer2(self.layer1(self.stem(x)))
        features: Tensor = self.layer4(self.layer3(x))
        return features
