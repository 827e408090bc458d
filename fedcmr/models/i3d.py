"""I3D, a comparator of the MVO network: Inception-v1 with kernels in three dimensions.

Carreira and Zisserman, CVPR 2017. The count of the MVO paper is reached with a hidden layer of 256
before the logit, which we chose; without it there are 12,288,289.
"""

import torch
from torch import Tensor, nn

from fedcmr.config import Preprocessing
from fedcmr.models.layers.convolution import ONE, conv_norm_relu, he
from fedcmr.models.layers.normalisation import Normalisation
from fedcmr.models.layers.shape import as_colour, expect, scaled
from fedcmr.models.registry import Count, register
from fedcmr.network import ModelSettings

STAGES = (
    ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
    (
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ),
    ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
)
"""Filters of each Inception block: 1x1x1; 1x1x1, 3x3x3; 1x1x1, 3x3x3; pooling, 1x1x1."""
HIDDEN = 256
DROPOUT = 0.5


class I3d(nn.Module):
    """Stem, nine Inception blocks, mean over positions, one hidden layer, one logit."""

    def __init__(self, settings: ModelSettings, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.preprocessing = preprocessing
        norm, width = settings.norm, settings.width
        first, channels, hidden = (scaled(filters, width) for filters in (64, 192, HIDDEN))
        self.features = nn.Sequential(
            conv_norm_relu(3, first, (7, 7, 7), (2, 2, 2), norm=norm),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            conv_norm_relu(first, first, ONE, norm=norm),
            conv_norm_relu(first, channels, (3, 3, 3), norm=norm),
        )
        pools = (
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            nn.MaxPool3d(3, 2, 1),
            nn.MaxPool3d(2, 2, ceil_mode=True),
        )
        for pool, stage in zip(pools, STAGES, strict=True):
            self.features.append(pool)
            for published in stage:
                block = Inception(channels, [scaled(n, width) for n in published], norm)
                self.features.append(block)
                channels = block.channels
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool3d(1),
            nn.Flatten(),
            nn.Dropout(DROPOUT),
            nn.Linear(channels, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 1),
        )
        he(self)

    def forward(self, cine: Tensor) -> Tensor:
        """Return logits `(B,)` for `(B, 1, T, Y, X)`.

        Raises:
            ValueError: another shape.
        """
        expect(cine, self.preprocessing)
        logits: Tensor = self.head(self.features(as_colour(cine))).squeeze(1)
        return logits


class Inception(nn.Module):
    """Four branches side by side; `(B, C, T, Y, X)`."""

    def __init__(self, channels: int, filters: list[int], norm: Normalisation) -> None:
        super().__init__()
        narrow, squeeze, wide, squeeze_less, less_wide, pooled = filters
        self.channels = narrow + wide + less_wide + pooled
        self.branches = nn.ModuleList(
            (
                conv_norm_relu(channels, narrow, ONE, norm=norm),
                nn.Sequential(
                    conv_norm_relu(channels, squeeze, ONE, norm=norm),
                    conv_norm_relu(squeeze, wide, (3, 3, 3), norm=norm),
                ),
                nn.Sequential(
                    conv_norm_relu(channels, squeeze_less, ONE, norm=norm),
                    conv_norm_relu(squeeze_less, less_wide, (3, 3, 3), norm=norm),
                ),
                nn.Sequential(
                    nn.MaxPool3d(3, 1, 1), conv_norm_relu(channels, pooled, ONE, norm=norm)
                ),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the channels of all branches."""
        return torch.cat([branch(x) for branch in self.branches], 1)


@register(
    "i3d",
    task="mvo",
    counts=(Count("12.55M", why="a hidden layer of 256, our choice; 12,288,289 without it"),),
    source="Carreira and Zisserman, CVPR 2017; count: Yan et al., MICCAI",
    note="Inception-v1 in three dimensions",
)
def i3d(settings: ModelSettings, preprocessing: Preprocessing) -> I3d:
    """The I3D comparator."""
    return I3d(settings, preprocessing)
