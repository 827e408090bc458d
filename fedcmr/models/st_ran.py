"""ST-RAN and its ablations: scar from the short-axis cine, without contrast agent.

Amyar et al., MICCAI 2023. Where text and released code differ, the published parameter counts
decide: slices are channels, one gate before each factorised convolution, one more on the input of
each residual block, LayerNorm over channels, no activation after the addition.
"""

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from fedcmr.config import Preprocessing
from fedcmr.models.layers.factorised import FactorisedConv
from fedcmr.models.layers.gate import Gate
from fedcmr.models.layers.normalisation import StemNorm
from fedcmr.models.layers.pooling import halve_plane
from fedcmr.models.layers.residual import ResidualBlock, glorot_linear, projection
from fedcmr.models.registry import Count, register
from fedcmr.network import ModelSettings

WIDTHS = (16, 16, 32, 64, 128)
"""Filters of the stem and of the four residual blocks; each block sees half the image before it."""

_PAPER = "Amyar et al., MICCAI 2023"


class StRan(nn.Module):
    """Stem, four residual attention blocks, mean over positions, one logit.

    Args:
        settings: switches of normalisation, attention and layout.
        slices: slices of a study, Z.
        spatial: keep the 3x3x3 kernels.
        temporal: keep the kernels of 11 taps over time.
        attention: gate the input of every factorised convolution.
        residual_attention: gate the input of every residual block.
    """

    def __init__(
        self,
        settings: ModelSettings,
        slices: int,
        *,
        spatial: bool = True,
        temporal: bool = True,
        attention: bool = False,
        residual_attention: bool = False,
    ) -> None:
        super().__init__()
        self.layout = settings.layout
        self.slices = slices

        def gate(channels: int, filters: int) -> Gate:
            return Gate(channels, filters, settings.attention)

        def convolution(channels: int, filters: int) -> FactorisedConv:
            return FactorisedConv(
                channels,
                filters,
                layout=settings.layout,
                spatial=spatial,
                temporal=temporal,
                gate=gate(channels, filters) if attention else None,
            )

        channels = slices if settings.layout == "slices_as_channels" else 1
        self.stem = convolution(channels, WIDTHS[0])
        self.stem_norm = StemNorm(WIDTHS[0], settings.norm)
        self.blocks = nn.ModuleList(
            ResidualBlock(
                gate(before, width) if residual_attention else nn.Identity(),
                convolution(before, width),
                convolution(width, width),
                nn.Identity() if before == width else projection(before, width),
                width,
            )
            for before, width in pairwise(WIDTHS)
        )
        self.head = glorot_linear(WIDTHS[-1], 1)

    def forward(self, cine: Tensor) -> Tensor:
        """Return logits `(B,)` for `(B, Z, T, Y, X)`; Y and X are multiples of 16.

        Raises:
            ValueError: another shape.
        """
        if cine.ndim != 5 or cine.shape[1] != self.slices or any(n % 16 for n in cine.shape[3:]):
            raise ValueError(
                f"expected (B, {self.slices}, T, Y, X) with Y and X multiples of 16, "
                f"got {tuple(cine.shape)}"
            )
        if self.layout == "slices_as_channels":
            x = cine.permute(0, 3, 4, 2, 1).contiguous()
        else:
            x = cine.transpose(1, 2).unsqueeze(-1).contiguous()
        x = F.relu(self.stem_norm(self.stem(x)))
        for block in self.blocks:
            x = block(halve_plane(x, self.layout))
        logits: Tensor = self.head(x.flatten(1, -2).mean(1)).squeeze(1)
        return logits


def _counts(published: str) -> tuple[Count, Count]:
    return (
        Count(published),
        Count("-", {"layout": "true_4d"}, "not published: depth is a kernel axis, not channels"),
    )


@register("s_cnn", task="scar", counts=_counts("0.90M"), source=_PAPER, note="3x3x3 kernels only")
def s_cnn(settings: ModelSettings, preprocessing: Preprocessing) -> StRan:
    """Spatial kernels only."""
    return StRan(settings, preprocessing.slices, temporal=False)


@register(
    "t_cnn", task="scar", counts=_counts("0.38M"), source=_PAPER, note="11 taps over time only"
)
def t_cnn(settings: ModelSettings, preprocessing: Preprocessing) -> StRan:
    """Temporal kernels only."""
    return StRan(settings, preprocessing.slices, spatial=False)


@register(
    "st_cnn", task="scar", counts=_counts("1.38M"), source=_PAPER, note="both kernels, no attention"
)
def st_cnn(settings: ModelSettings, preprocessing: Preprocessing) -> StRan:
    """Both kernels."""
    return StRan(settings, preprocessing.slices)


@register(
    "ast_cnn", task="scar", counts=_counts("1.42M"), source=_PAPER, note="gates on convolutions"
)
def ast_cnn(settings: ModelSettings, preprocessing: Preprocessing) -> StRan:
    """Both kernels and a gate before each pair."""
    return StRan(settings, preprocessing.slices, attention=True)


@register(
    "st_ran", task="scar", counts=_counts("1.43M"), source=_PAPER, note="gates on blocks, too"
)
def st_ran(settings: ModelSettings, preprocessing: Preprocessing) -> StRan:
    """Both kernels, a gate before each pair and on each residual block."""
    return StRan(settings, preprocessing.slices, attention=True, residual_attention=True)
