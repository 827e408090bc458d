"""3D-CNN, a comparator of ST-RAN: a residual network over (slices x frames, y, x).

Amyar et al., MICCAI 2023, from the released code: blocks [2, 5, 5, 2], ReLU before each norm, a
norm on the input, average pooling of four, one linear layer. The published 46.5M belong to images
of 128 pixels (46,469,891); at the 64 of the released scripts there are 46,433,027.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from fedcmr.config import Preprocessing
from fedcmr.models.layers.convolution import he
from fedcmr.models.layers.normalisation import Normalisation, keras_norm
from fedcmr.models.layers.shape import expect, scaled
from fedcmr.models.registry import Count, register
from fedcmr.network import ModelSettings

STAGES = ((2, 64), (5, 128), (5, 256), (2, 512))
"""Blocks and filters."""
TOTAL_STRIDE = 8
POOL = 4


class Cnn3d(nn.Module):
    """Stem, 14 residual blocks, average pooling, one logit."""

    def __init__(self, settings: ModelSettings, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.preprocessing = preprocessing
        norm = settings.norm
        channels = scaled(STAGES[0][1], settings.width)
        self.stem = nn.Sequential(
            keras_norm(1, norm), _conv(1, channels), nn.ReLU(), keras_norm(channels, norm)
        )
        self.blocks = nn.Sequential()
        for stage, (count, published) in enumerate(STAGES):
            filters = scaled(published, settings.width)
            for block in range(count):
                stride = 2 if stage > 0 and block == 0 else 1
                self.blocks.append(Block(channels, filters, stride, norm))
                channels = filters
        depth = -(-preprocessing.slices * preprocessing.phases // TOTAL_STRIDE)
        side = -(-preprocessing.size // TOTAL_STRIDE)
        self.pool = (min(POOL, depth), min(POOL, side), min(POOL, side))
        channels *= (depth // self.pool[0]) * (side // self.pool[1]) ** 2
        self.head = nn.Linear(channels, 1)
        he(self)

    def forward(self, cine: Tensor) -> Tensor:
        """Return logits `(B,)` for `(B, Z, T, Y, X)`.

        Raises:
            ValueError: another shape.
        """
        expect(cine, self.preprocessing)
        x = self.blocks(self.stem(cine.flatten(1, 2).unsqueeze(1)))
        logits: Tensor = self.head(F.avg_pool3d(x, self.pool).flatten(1)).squeeze(1)
        return logits


class Block(nn.Module):
    """Convolution, ReLU, norm, convolution, shortcut, ReLU, norm; `(B, C, A, H, W)`."""

    def __init__(self, channels: int, filters: int, stride: int, norm: Normalisation) -> None:
        super().__init__()
        self.first = _conv(channels, filters, stride)
        self.first_norm = keras_norm(filters, norm)
        self.second = _conv(filters, filters)
        self.second_norm = keras_norm(filters, norm)
        self.shortcut = nn.Conv3d(channels, filters, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, channels, A, H, W)` to `(B, filters, A, H, W)`, each axis over the stride."""
        y = self.second(self.first_norm(F.relu(self.first(x))))
        out: Tensor = self.second_norm(F.relu(y + self.shortcut(x)))
        return out


def _conv(channels: int, filters: int, stride: int = 1) -> nn.Conv3d:
    return nn.Conv3d(channels, filters, 3, stride, padding=1)


@register(
    "cnn_3d",
    task="scar",
    counts=(Count("46.5M", why="at 128 pixels, the paper's; 46,433,027 at 64, the code's"),),
    source="Amyar et al., MICCAI 2023",
    note="residual 3-D network over slices and frames in one row",
)
def cnn_3d(settings: ModelSettings, preprocessing: Preprocessing) -> Cnn3d:
    """The 3D-CNN comparator."""
    return Cnn3d(settings, preprocessing)
