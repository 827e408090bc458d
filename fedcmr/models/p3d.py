"""P3D-199, a comparator of the MVO network: pseudo-3D residual blocks. Qiu et al., ICCV 2017.

Kernels over (y, x) and over time, in turn one after the other (A), side by side (B), and in between
(C). The count of the MVO paper has two outputs; the logit is their difference, of which the sigmoid
is the softmax over both.
"""

from typing import Literal, TypeAlias

import torch.nn.functional as F
from torch import Tensor, nn

from fedcmr.config import Preprocessing
from fedcmr.errors import ConfigurationError
from fedcmr.models.layers.convolution import ONE, Triple, conv_norm, conv_norm_relu, he
from fedcmr.models.layers.normalisation import Normalisation
from fedcmr.models.layers.shape import as_colour, expect, scaled
from fedcmr.models.registry import Count, register
from fedcmr.network import ModelSettings

Kind: TypeAlias = Literal["A", "B", "C"]

BLOCKS = (3, 8, 36, 3)
KINDS: tuple[Kind, ...] = ("A", "B", "C")
STEM = 64
EXPANSION = 4
DROPOUT = 0.5
SMALLEST_PHASES = 16


class P3d(nn.Module):
    """Stem, 50 bottlenecks (the last three without time), mean over positions, two outputs."""

    def __init__(self, settings: ModelSettings, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.preprocessing = preprocessing
        norm = settings.norm
        channels = middle = scaled(STEM, settings.width)
        self.features = conv_norm_relu(3, channels, (1, 7, 7), (1, 2, 2), norm=norm)
        self.features.append(nn.MaxPool3d((2, 3, 3), 2, (0, 1, 1)))
        index = 0
        for stage, count in enumerate(BLOCKS):
            timed = stage < len(BLOCKS) - 1
            for block in range(count):
                stride = 2 if stage > 0 and block == 0 else 1
                kind = KINDS[index % len(KINDS)] if timed else None
                self.features.append(Bottleneck(channels, middle, stride, kind, norm))
                channels = EXPANSION * middle
                index += 1
            middle *= 2
            if timed:
                self.features.append(nn.MaxPool3d((2, 1, 1)))
        self.head = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(channels, 2))
        he(self)

    def forward(self, cine: Tensor) -> Tensor:
        """Return logits `(B,)` for `(B, 1, T, Y, X)`.

        Raises:
            ValueError: another shape.
        """
        expect(cine, self.preprocessing)
        outputs = self.head(self.features(as_colour(cine)).mean((2, 3, 4)))
        logits: Tensor = outputs[:, 1] - outputs[:, 0]
        return logits


class Bottleneck(nn.Module):
    """1x1, pseudo-3D kernels of one kind (None: over (y, x) only), 1x1, and a shortcut."""

    def __init__(
        self, channels: int, middle: int, stride: int, kind: Kind | None, norm: Normalisation
    ) -> None:
        super().__init__()
        filters = EXPANSION * middle
        steps: Triple = (1, stride, stride)
        self.kind = kind
        self.squeeze = conv_norm_relu(channels, middle, ONE, steps, norm=norm)
        self.plane = conv_norm(middle, middle, (1, 3, 3), norm=norm)
        self.time = conv_norm(middle, middle, (3, 1, 1), norm=norm) if kind else None
        self.widen = conv_norm(middle, filters, ONE, norm=norm)
        self.shortcut: nn.Module = (
            nn.Identity()
            if channels == filters and stride == 1
            else conv_norm(channels, filters, ONE, steps, norm=norm)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, channels, T, Y, X)` to `(B, 4 middle, T, Y / stride, X / stride)`."""
        y = self.squeeze(x)
        plane = F.relu(self.plane(y))
        if self.time is None:
            mixed = plane
        elif self.kind == "A":
            mixed = F.relu(self.time(plane))
        elif self.kind == "B":
            mixed = plane + F.relu(self.time(y))
        else:
            mixed = plane + F.relu(self.time(plane))
        return F.relu(self.widen(mixed) + self.shortcut(x))


@register(
    "p3d",
    task="mvo",
    counts=(Count("65.68M", why="with two outputs; 65,674,689 with one"),),
    source="Qiu et al., ICCV 2017; count: Yan et al., MICCAI",
    note="P3D-199",
)
def p3d(settings: ModelSettings, preprocessing: Preprocessing) -> P3d:
    """The P3D comparator.

    Raises:
        ConfigurationError: too few frames for four poolings.
    """
    if preprocessing.phases < SMALLEST_PHASES:
        raise ConfigurationError(
            f"p3d needs {SMALLEST_PHASES} phases, preprocessing has {preprocessing.phases}",
            fix="set preprocessing.phases higher",
        )
    return P3d(settings, preprocessing)
