"""Microvascular obstruction from one cine slice: R(2+1)D-18, BERT over time, coarse-mask branch.

Yan et al., MICCAI. The branch regularises training: it predicts which part of each cell of a coarse
grid is MVO, and a release does not carry it. Two presets: `code` is the released code without the
layers that it never uses; `published` reaches the printed parameter counts, which that code does
not explain, with widths of our own choice.
"""

from itertools import pairwise

from torch import Tensor, nn

from fedcmr.config import Preprocessing
from fedcmr.errors import ConfigurationError
from fedcmr.models.layers.convolution import he
from fedcmr.models.layers.normalisation import Normalisation, normalisation
from fedcmr.models.layers.r2plus1d import TIME_STRIDE, R2Plus1d
from fedcmr.models.layers.shape import as_colour, expect, scaled
from fedcmr.models.layers.transformer import ClassToken, Positions, transformer_layer
from fedcmr.models.registry import Count, register
from fedcmr.network import ModelSettings

HEADS = 8
DROPOUT = 0.1
CLASSIFIER_DROPOUT = 0.8
KINETICS_CLASSES = 400
SMALLEST_GRID = 4
"""Side of the features of 64 pixels, where the decoder of the coarse mask begins."""
PUBLISHED_WIDTHS = (768, 160, 80, 40)
"""Decoder of the published preset; the last two, for finer grids, have no published count."""


class MvoR2Plus1dBert(nn.Module):
    """Backbone, classifier over time, and the coarse-mask branch in training.

    In the published preset the ablations keep the 400-way layer of the backbone, as their printed
    counts do: without BERT its first output is the logit, with BERT nothing reads it.
    """

    def __init__(self, settings: ModelSettings, preprocessing: Preprocessing) -> None:
        super().__init__()
        published = settings.preset == "published"
        self.preprocessing = preprocessing
        self.backbone = R2Plus1d(settings.norm, settings.width)
        channels = self.backbone.channels
        self.fc: nn.Linear | None = None
        if published and not (settings.bert and settings.cgmr):
            self.fc = nn.Linear(channels, KINETICS_CLASSES).requires_grad_(not settings.bert)
        self.classifier: nn.Module | None = None
        if settings.bert:
            tokens = -(-preprocessing.phases // TIME_STRIDE)
            self.classifier = TemporalClassifier(
                channels, tokens, settings.width, published=published
            )
        elif not published:
            self.classifier = nn.Sequential(
                nn.AdaptiveAvgPool3d(1),
                nn.Flatten(),
                nn.Dropout(CLASSIFIER_DROPOUT),
                nn.Linear(channels, 1),
            )
        self.map_branch: MapBranch | None = None
        if settings.cgmr:
            self.map_branch = MapBranch(channels, settings, preprocessing.size)
        he(self)

    def forward(self, cine: Tensor) -> Tensor:
        """Return logits `(B,)` for `(B, 1, T, Y, X)`; the branch has no part in them.

        Raises:
            ValueError: another shape.
        """
        return self._logits(self._features(cine))

    def forward_with_map(self, cine: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits `(B,)` and the predicted coarse mask `(B, m, m)` for `(B, 1, T, Y, X)`.

        Raises:
            ValueError: another shape, or a network without the branch.
        """
        if self.map_branch is None:
            raise ValueError("this network has no coarse-mask branch")
        features = self._features(cine)
        return self._logits(features), self.map_branch(features)

    def _features(self, cine: Tensor) -> Tensor:
        expect(cine, self.preprocessing)
        features: Tensor = self.backbone(as_colour(cine))
        return features

    def _logits(self, features: Tensor) -> Tensor:
        if self.classifier is not None:
            logits: Tensor = self.classifier(features)[:, 0]
        else:
            assert self.fc is not None
            logits = self.fc(features.mean((2, 3, 4)))[:, 0]
        return logits


class TemporalClassifier(nn.Module):
    """A transformer over frames that a learned class token reads out."""

    def __init__(self, channels: int, tokens: int, width: float, *, published: bool) -> None:
        super().__init__()
        hidden = scaled(96, width)
        self.class_token = ClassToken(channels)
        self.positions = Positions(tokens + 1, channels)
        self.layers = nn.Sequential(
            *(
                transformer_layer(channels, HEADS, 4 * channels, dropout=DROPOUT)
                for _ in range(2 if published else 1)
            )
        )
        self.dropout = nn.Dropout(CLASSIFIER_DROPOUT)
        self.out: nn.Module = (
            nn.Sequential(nn.Linear(channels, hidden), nn.GELU(), nn.Linear(hidden, 1))
            if published
            else nn.Linear(channels, 1)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map `(B, C, T, Y, X)` to `(B, 1)`."""
        tokens = features.mean((3, 4)).transpose(1, 2)
        read: Tensor = self.layers(self.positions(self.class_token(tokens)))
        logit: Tensor = self.out(self.dropout(read[:, 0]))
        return logit


class MapBranch(nn.Module):
    """Maximum over time, then a step of two per doubling of the grid; the output is linear."""

    def __init__(self, channels: int, settings: ModelSettings, size: int) -> None:
        super().__init__()
        grid = size if settings.grid == "raw" else settings.grid
        steps = (grid // SMALLEST_GRID).bit_length() - 1
        if grid != SMALLEST_GRID << steps:
            raise ConfigurationError(
                f"no coarse mask of side {grid}", fix="choose a size or grid of 4, 8, 16, 32, 64"
            )
        if settings.preset == "code":
            widths = [channels, *(max(8, channels >> step) for step in range(1, steps + 1))]
            blocks = [_code_block(a, b, settings.norm) for a, b in pairwise(widths)]
            end: list[nn.Module] = [nn.Dropout2d(DROPOUT)]
        else:
            wide = [scaled(width, settings.width) for width in PUBLISHED_WIDTHS[:steps]]
            widths = [channels, *wide]
            blocks = [_text_block(a, b, settings.norm) for a, b in pairwise(widths)]
            end = []
        self.decoder = nn.Sequential(
            nn.AdaptiveMaxPool3d((1, SMALLEST_GRID, SMALLEST_GRID)),
            nn.Flatten(1, 2),
            *blocks,
            *end,
            nn.Conv2d(widths[-1], 1, 1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map `(B, C, T, Y, X)` to `(B, m, m)`."""
        predicted: Tensor = self.decoder(features)
        return predicted.squeeze(1)


def _code_block(channels: int, filters: int, norm: Normalisation) -> nn.Sequential:
    """As the released code: squeeze to a quarter, double, widen; `(B, C, m, m)`."""
    quarter = channels // 4
    return nn.Sequential(
        nn.Conv2d(channels, quarter, 1),
        normalisation(quarter, norm, 2),
        nn.ReLU(),
        _doubling(quarter),
        normalisation(quarter, norm, 2),
        nn.ReLU(),
        nn.Conv2d(quarter, filters, 1),
        normalisation(filters, norm, 2),
        nn.ReLU(),
    )


def _text_block(channels: int, filters: int, norm: Normalisation) -> nn.Sequential:
    """As the paper's text: 1x1 convolution, norm, maximum of 3x3, then doubling."""
    return nn.Sequential(
        nn.Conv2d(channels, filters, 1),
        normalisation(filters, norm, 2),
        nn.ReLU(),
        nn.MaxPool2d(3, 1, 1),
        _doubling(filters),
    )


def _doubling(channels: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(channels, channels, 3, stride=2, padding=1, output_padding=1)


def _published(printed: str, why: str, **switches: bool) -> Count:
    return Count(printed, {"preset": "published", **switches}, why)


@register(
    "mvo_r2plus1d_bert",
    task="mvo",
    counts=(
        Count(
            "43.72M",
            why="the released code uses these layers only; the printed count cannot be derived "
            "from it: see preset published",
        ),
        _published(
            "43.72M", "2 transformer layers, a head of 96 and the decoder's widths are our choice"
        ),
        _published(
            "31.50M", "R(2+1)D-18 with 400 classes; printed truncated", bert=False, cgmr=False
        ),
        _published("37.86M", "the 400-way layer is kept unread; widths are our choice", cgmr=False),
        _published(
            "37.56M", "the 400-way layer is kept; the decoder's widths are our choice", bert=False
        ),
    ),
    source="Yan et al., MICCAI",
    note="R(2+1)D-18, BERT over time, coarse-mask branch in training",
)
def mvo_r2plus1d_bert(settings: ModelSettings, preprocessing: Preprocessing) -> MvoR2Plus1dBert:
    """The network of the MVO paper."""
    return MvoR2Plus1dBert(settings, preprocessing)
