"""SlowFast R50, a comparator of the MVO network: few frames with many channels beside many frames
with few. Feichtenhofer et al., ICCV 2019.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fedcmr.config import Preprocessing
from fedcmr.models.layers.convolution import ONE, conv_norm, conv_norm_relu, he
from fedcmr.models.layers.normalisation import Normalisation
from fedcmr.models.layers.shape import as_colour, expect, scaled
from fedcmr.models.registry import Count, register
from fedcmr.network import ModelSettings

BLOCKS = (3, 4, 6, 3)
STEM = 64
EXPANSION = 4
FRAME_STRIDE = 4
"""Frames of the fast pathway per frame of the slow one; not published for MVO, no parameter."""
CHANNEL_RATIO = 8
"""Channels of the slow pathway per channel of the fast one."""
LATERAL_TAPS = 5
SLOW_TAPS = (1, 1, 3, 3)
DROPOUT = 0.5


class SlowFast(nn.Module):
    """Two pathways with lateral connections after the stem and three of four stages."""

    def __init__(self, settings: ModelSettings, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.preprocessing = preprocessing
        norm = settings.norm
        slow = scaled(STEM, settings.width)
        fast = slow // CHANNEL_RATIO
        pool = nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))
        self.slow_stem = conv_norm_relu(3, slow, (1, 7, 7), (1, 2, 2), norm=norm).append(pool)
        self.fast_stem = conv_norm_relu(3, fast, (5, 7, 7), (1, 2, 2), norm=norm).append(pool)
        self.laterals = nn.ModuleList()
        self.slow_stages = nn.ModuleList()
        self.fast_stages = nn.ModuleList()
        middle, fast_middle = slow, fast
        for stage, (count, taps) in enumerate(zip(BLOCKS, SLOW_TAPS, strict=True)):
            stride = 1 if stage == 0 else 2
            self.laterals.append(_lateral(fast, norm))
            self.slow_stages.append(_stage(slow + 2 * fast, middle, count, taps, stride, norm))
            self.fast_stages.append(_stage(fast, fast_middle, count, 3, stride, norm))
            slow, fast = EXPANSION * middle, EXPANSION * fast_middle
            middle, fast_middle = 2 * middle, 2 * fast_middle
        self.head = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(slow + fast, 1))
        he(self)

    def forward(self, cine: Tensor) -> Tensor:
        """Return logits `(B,)` for `(B, 1, T, Y, X)`.

        Raises:
            ValueError: another shape.
        """
        expect(cine, self.preprocessing)
        frames = as_colour(cine)
        slow = self.slow_stem(frames[:, :, ::FRAME_STRIDE].contiguous())
        fast = self.fast_stem(frames)
        stages = zip(self.laterals, self.slow_stages, self.fast_stages, strict=True)
        for lateral, slow_stage, fast_stage in stages:
            slow = slow_stage(torch.cat((slow, lateral(fast)), 1))
            fast = fast_stage(fast)
        means = torch.cat((slow.mean((2, 3, 4)), fast.mean((2, 3, 4))), 1)
        logits: Tensor = self.head(means).squeeze(1)
        return logits


class Bottleneck(nn.Module):
    """1x1 (over some frames), 3x3, 1x1, and a shortcut; `(B, C, T, Y, X)`."""

    def __init__(
        self, channels: int, middle: int, taps: int, stride: int, norm: Normalisation
    ) -> None:
        super().__init__()
        filters = EXPANSION * middle
        steps = (1, stride, stride)
        self.path = nn.Sequential(
            conv_norm_relu(channels, middle, (taps, 1, 1), norm=norm),
            conv_norm_relu(middle, middle, (1, 3, 3), steps, norm=norm),
            conv_norm(middle, filters, ONE, norm=norm),
        )
        self.shortcut: nn.Module = (
            nn.Identity()
            if channels == filters and stride == 1
            else conv_norm(channels, filters, ONE, steps, norm=norm)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, channels, T, Y, X)` to `(B, 4 middle, T, Y / stride, X / stride)`."""
        return F.relu(self.path(x) + self.shortcut(x))


def _stage(
    channels: int, middle: int, count: int, taps: int, stride: int, norm: Normalisation
) -> nn.Sequential:
    others = [Bottleneck(EXPANSION * middle, middle, taps, 1, norm) for _ in range(count - 1)]
    return nn.Sequential(Bottleneck(channels, middle, taps, stride, norm), *others)


def _lateral(fast: int, norm: Normalisation) -> nn.Sequential:
    """From the fast pathway to the slow one: twice the channels, fewer frames."""
    taps, stride = (LATERAL_TAPS, 1, 1), (FRAME_STRIDE, 1, 1)
    return conv_norm_relu(fast, 2 * fast, taps, stride, norm=norm)


@register(
    "slowfast",
    task="mvo",
    counts=(Count("33.56M", why="lateral kernels of 5 frames; with 7 it would be 33.65M"),),
    source="Feichtenhofer et al., ICCV 2019; count: Yan et al., MICCAI",
    note="ResNet-50, a fast pathway of an eighth of the channels",
)
def slowfast(settings: ModelSettings, preprocessing: Preprocessing) -> SlowFast:
    """The SlowFast comparator."""
    return SlowFast(settings, preprocessing)
