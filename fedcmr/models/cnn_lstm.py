"""CNN-LSTM, a comparator of ST-RAN: every slice alone, its answers averaged.

Amyar et al., MICCAI 2023, from the released code: five 3-D convolutions over (t, y, x), additive
self-attention over positions, an LSTM over them, one logit per slice. The paper cites Zhang 2019
with optical flow; the code has none. How slices become a patient is not stated: here the mean of
the logits of all slices that are not padding. The released penalty of 1e-5 on the first kernel is
left out.
"""

import torch
from torch import Tensor, nn

from fedcmr.config import Preprocessing
from fedcmr.errors import ConfigurationError
from fedcmr.models.layers.convolution import he
from fedcmr.models.layers.lstm import Lstm
from fedcmr.models.layers.normalisation import EPSILON, Normalisation, group_norm
from fedcmr.models.layers.per_slice import (
    SliceBatchNorm3d,
    SliceConv3d,
    SliceGroupNorm,
    SliceMaxPool3d,
)
from fedcmr.models.layers.shape import expect, scaled
from fedcmr.models.registry import Count, register
from fedcmr.network import ModelSettings

ATTENTION_UNITS = 32
LSTM_UNITS = 10
DROPOUT = 0.4
SMALLEST_PHASES = 10
SMALLEST_SIZE = 16


class CnnLstm(nn.Module):
    """Convolutions, self-attention, LSTM and one logit for each slice; their mean."""

    def __init__(self, settings: ModelSettings, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.preprocessing = preprocessing
        norm = settings.norm
        few, many = scaled(32, settings.width), scaled(64, settings.width)
        self.convolutions = nn.Sequential(
            *_conv_relu_norm(1, few, 3, norm),
            *_conv_relu_norm(few, few, 3, norm, padding=0),
            *_conv_relu(few, few, 5),
            SliceMaxPool3d(2),
            _norm(few, norm),
            nn.Dropout(DROPOUT),
            *_conv_relu(few, many, 3),
            SliceMaxPool3d(2),
            _norm(many, norm),
            *_conv_relu(many, many, 3),
            SliceMaxPool3d(2),
            nn.Dropout(DROPOUT),
        )
        self.attention = AdditiveAttention(many)
        self.lstm = Lstm(many, LSTM_UNITS)
        self.head = nn.Linear(LSTM_UNITS, 1)
        he(self)

    def forward(self, cine: Tensor) -> Tensor:
        """Return logits `(B,)` for `(B, Z, T, Y, X)`; slices of zeros do not count.

        Raises:
            ValueError: another shape.
        """
        expect(cine, self.preprocessing)
        features = self.convolutions(cine.unsqueeze(2))
        tokens = features.flatten(3).transpose(2, 3)
        logits = self.head(self.lstm(self.attention(tokens))).squeeze(2)
        seen = cine.amax((2, 3, 4)) > 0
        mean: Tensor = (logits * seen).sum(1) / seen.sum(1).clamp(min=1)
        return mean


class AdditiveAttention(nn.Module):
    """Every position looks at all: softmax of `v . tanh(W x_i + U x_j + b) + c` over j."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.Linear(channels, ATTENTION_UNITS, bias=False)
        self.key = nn.Linear(channels, ATTENTION_UNITS)
        # A softmax does not see the shift of all scores; it stays for the published count.
        self.score = nn.Linear(ATTENTION_UNITS, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, Z, L, C)` to the same shape."""
        pairs = torch.tanh(self.query(x).unsqueeze(-2) + self.key(x).unsqueeze(-3))
        weights: Tensor = self.score(pairs).squeeze(-1).softmax(-1)
        return weights @ x


def _conv_relu(
    channels: int, filters: int, side: int, padding: int | None = None
) -> list[nn.Module]:
    reach = side // 2 if padding is None else padding
    return [SliceConv3d(channels, filters, side, padding=reach), nn.ReLU()]


def _conv_relu_norm(
    channels: int, filters: int, side: int, norm: Normalisation, padding: int | None = None
) -> list[nn.Module]:
    return [*_conv_relu(channels, filters, side, padding), _norm(filters, norm)]


def _norm(channels: int, kind: Normalisation) -> nn.Module:
    if kind == "group":
        groups = group_norm(channels).num_groups
        return SliceGroupNorm(groups, channels, eps=EPSILON)
    return SliceBatchNorm3d(channels, eps=EPSILON, momentum=0.01)


@register(
    "cnn_lstm",
    task="scar",
    counts=(Count("0.33M"),),
    source="Amyar et al., MICCAI 2023",
    note="each slice alone, LSTM over positions, mean over slices",
)
def cnn_lstm(settings: ModelSettings, preprocessing: Preprocessing) -> CnnLstm:
    """The CNN-LSTM comparator.

    Raises:
        ConfigurationError: a cine too small for three poolings.
    """
    if preprocessing.phases < SMALLEST_PHASES or preprocessing.size < SMALLEST_SIZE:
        raise ConfigurationError(
            f"cnn_lstm needs {SMALLEST_PHASES} phases, preprocessing has {preprocessing.phases}",
            fix="set preprocessing.phases higher",
        )
    return CnnLstm(settings, preprocessing)
