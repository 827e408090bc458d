"""3D-STCNN, a comparator of ST-RAN: (2+1)D convolutions over all slices and frames in one row.

Amyar et al., MICCAI 2023, from the released code: the skeleton of ST-RAN without attention, kernels
of 1x3x3 and then 3x1x1 (stem 1x7x7), one input channel. Slices and frames are concatenated on one
axis. In the released code the axes lie such that the kernel of three taps runs along image x
(`axis_order: code`); here it runs along that row of frames by default.
"""

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from fedcmr.config import Preprocessing
from fedcmr.models.layers.channels import channels_first, channels_last
from fedcmr.models.layers.factorised import Kernel
from fedcmr.models.layers.normalisation import StemNorm
from fedcmr.models.layers.residual import ResidualBlock, glorot_linear, projection
from fedcmr.models.layers.shape import expect, scaled
from fedcmr.models.registry import Count, register
from fedcmr.models.st_ran import WIDTHS
from fedcmr.network import ModelSettings


class Conv(Kernel):
    """Convolution of odd taps, stride 1, zero padding; `(B, A, H, W, C)`."""

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, A, H, W, channels)` to `(B, A, H, W, filters)`."""
        y = F.conv3d(channels_first(x), self.weight, self.bias, padding="same")
        return channels_last(y)


class StCnn3d(nn.Module):
    """Stem, four residual blocks, mean over positions, one logit."""

    def __init__(self, settings: ModelSettings, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.preprocessing = preprocessing
        self.axis_order = settings.axis_order
        widths = [scaled(width, settings.width) for width in WIDTHS]
        self.stem = _factorised(1, widths[0], 7)
        self.stem_norm = StemNorm(widths[0], settings.norm)
        self.blocks = nn.ModuleList(
            ResidualBlock(
                nn.Identity(),
                _factorised(before, width, 3),
                _factorised(width, width, 3),
                nn.Identity() if before == width else projection(before, width),
                width,
            )
            for before, width in pairwise(widths)
        )
        self.head = glorot_linear(widths[-1], 1)

    def forward(self, cine: Tensor) -> Tensor:
        """Return logits `(B,)` for `(B, Z, T, Y, X)`.

        Raises:
            ValueError: another shape.
        """
        expect(cine, self.preprocessing)
        row = cine.flatten(1, 2)
        x = row if self.axis_order == "frames_first" else row.permute(0, 3, 2, 1)
        height, width = x.shape[2:]
        x = F.relu(self.stem_norm(self.stem(x.unsqueeze(-1).contiguous())))
        for halvings, block in enumerate(self.blocks, start=1):
            x = block(_resize(x, max(1, height >> halvings), max(1, width >> halvings)))
        logits: Tensor = self.head(x.flatten(1, -2).mean(1)).squeeze(1)
        return logits


def _factorised(channels: int, filters: int, side: int) -> nn.Sequential:
    return nn.Sequential(
        Conv(channels, filters, (1, side, side)), Conv(filters, filters, (3, 1, 1))
    )


def _resize(x: Tensor, height: int, width: int) -> Tensor:
    """Resize H and W of `(B, A, H, W, C)` bilinearly, without smoothing."""
    planes = channels_first(x.flatten(0, 1))
    resized = F.interpolate(planes, (height, width), mode="bilinear", align_corners=False)
    return channels_last(resized).view(*x.shape[:2], height, width, -1)


@register(
    "stcnn_3d",
    task="scar",
    counts=(Count("0.44M"),),
    source="Amyar et al., MICCAI 2023",
    note="(2+1)D over slices and frames in one row",
)
def stcnn_3d(settings: ModelSettings, preprocessing: Preprocessing) -> StCnn3d:
    """The 3D-STCNN comparator."""
    return StCnn3d(settings, preprocessing)
