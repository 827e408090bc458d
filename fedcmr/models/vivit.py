"""ViViT, a comparator of the MVO network: a transformer per frame, then one over frames.

Arnab et al., ICCV 2021, the factorised encoder. The printed count fits thousands of sizes; ours has
width 384, 6 heads, 16 layers in space, 6 in time, patches of 4.
"""

from torch import Tensor, nn

from fedcmr.config import Preprocessing
from fedcmr.models.layers.shape import as_colour, expect
from fedcmr.models.layers.transformer import ClassToken, Positions, transformer_layer
from fedcmr.models.registry import Count, register
from fedcmr.network import ModelSettings

HEADS = 6
HEAD_WIDTH = 64
SPATIAL_DEPTH = 16
TEMPORAL_DEPTH = 6
PATCH = 4


class ViVit(nn.Module):
    """Patches and positions of each frame, two encoders with a class token each, one logit."""

    def __init__(self, settings: ModelSettings, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.preprocessing = preprocessing
        heads = max(1, round(HEADS * settings.width))
        width = heads * HEAD_WIDTH
        places = (preprocessing.size // PATCH) ** 2
        self.patches = nn.Conv3d(3, width, (1, PATCH, PATCH), (1, PATCH, PATCH))
        self.positions = Positions(preprocessing.phases, places, width)
        self.spatial = _encoder(width, heads, SPATIAL_DEPTH)
        self.temporal = _encoder(width, heads, TEMPORAL_DEPTH)
        self.head = nn.Linear(width, 1)

    def forward(self, cine: Tensor) -> Tensor:
        """Return logits `(B,)` for `(B, 1, T, Y, X)`.

        Raises:
            ValueError: another shape.
        """
        expect(cine, self.preprocessing)
        patches = self.patches(as_colour(cine)).flatten(3).permute(0, 2, 3, 1)
        frames = self.spatial(self.positions(patches))[:, :, 0]
        logits: Tensor = self.head(self.temporal(frames)[:, 0]).squeeze(1)
        return logits


def _encoder(width: int, heads: int, depth: int) -> nn.Sequential:
    layers = (transformer_layer(width, heads, 4 * width, bias=False) for _ in range(depth))
    return nn.Sequential(ClassToken(width), *layers, nn.LayerNorm(width))


@register(
    "vivit",
    task="mvo",
    counts=(Count("41.98M", why="depths, width and patch are our choice among many that fit"),),
    source="Arnab et al., ICCV 2021; count: Yan et al., MICCAI",
    note="an encoder over each frame, then one over frames",
)
def vivit(settings: ModelSettings, preprocessing: Preprocessing) -> ViVit:
    """The ViViT comparator."""
    return ViVit(settings, preprocessing)
