"""C3D, a comparator of the MVO network. Tran et al., ICCV 2015.

Eight 3x3x3 convolutions, five poolings, two layers of 4096, one logit, for frames of 64 pixels.
"""

from torch import Tensor, nn

from fedcmr.config import Preprocessing
from fedcmr.errors import ConfigurationError
from fedcmr.models.layers.convolution import he
from fedcmr.models.layers.shape import as_colour, expect, scaled
from fedcmr.models.registry import Count, register
from fedcmr.network import ModelSettings

STAGES = ((64,), (128,), (256, 256), (512, 512), (512, 512))
HIDDEN = 4096
DROPOUT = 0.5
SMALLEST_PHASES = 16


class C3d(nn.Module):
    """Convolutions, two hidden layers, one logit."""

    def __init__(self, settings: ModelSettings, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.preprocessing = preprocessing
        layers: list[nn.Module] = []
        channels = 3
        for stage, published in enumerate(STAGES):
            for filters in (scaled(width, settings.width) for width in published):
                layers += [nn.Conv3d(channels, filters, 3, padding=1), nn.ReLU()]
                channels = filters
            last = stage == len(STAGES) - 1
            steps = (1 if stage == 0 else 2, 2, 2)
            layers.append(nn.MaxPool3d(steps, padding=(0, 1, 1) if last else 0))
        self.convolutions = nn.Sequential(*layers)
        hidden = scaled(HIDDEN, settings.width)
        side = preprocessing.size // 32 + 1
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels * (preprocessing.phases // 16) * side**2, hidden),
            nn.ReLU(),
            nn.Dropout(DROPOUT),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Dropout(DROPOUT),
            nn.Linear(hidden, 1),
        )
        he(self)

    def forward(self, cine: Tensor) -> Tensor:
        """Return logits `(B,)` for `(B, 1, T, Y, X)`.

        Raises:
            ValueError: another shape.
        """
        expect(cine, self.preprocessing)
        logits: Tensor = self.head(self.convolutions(as_colour(cine))).squeeze(1)
        return logits


@register(
    "c3d",
    task="mvo",
    counts=(Count("63.32M"),),
    source="Tran et al., ICCV 2015; count: Yan et al., MICCAI",
    note="eight 3x3x3 convolutions, no normalisation",
)
def c3d(settings: ModelSettings, preprocessing: Preprocessing) -> C3d:
    """The C3D comparator.

    Raises:
        ConfigurationError: too few frames for four poolings.
    """
    if preprocessing.phases < SMALLEST_PHASES:
        raise ConfigurationError(
            f"c3d needs {SMALLEST_PHASES} phases, preprocessing has {preprocessing.phases}",
            fix="set preprocessing.phases higher",
        )
    return C3d(settings, preprocessing)
