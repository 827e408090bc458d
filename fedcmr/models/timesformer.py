"""TimeSformer, a comparator of the MVO network: attention over time, then over space.

Bertasius et al., ICML 2021. The printed count fits many sizes; ours is the most canonical of them:
width 768, depth 8, 12 heads, patches of 16, no bias on queries, keys and values.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fedcmr.config import Preprocessing
from fedcmr.models.layers.shape import as_colour, expect
from fedcmr.models.layers.transformer import Attention, ClassToken, Positions, Residual, perceptron
from fedcmr.models.registry import Count, register
from fedcmr.network import ModelSettings

HEADS = 12
HEAD_WIDTH = 64
DEPTH = 8
PATCH = 16


class TimeSformer(nn.Module):
    """Patches, positions, divided attention, one logit from the class token."""

    def __init__(self, settings: ModelSettings, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.preprocessing = preprocessing
        heads = max(1, round(HEADS * settings.width))
        width = heads * HEAD_WIDTH
        frames = preprocessing.phases
        places = (preprocessing.size // PATCH) ** 2
        self.patches = nn.Conv3d(3, width, (1, PATCH, PATCH), (1, PATCH, PATCH))
        self.class_token = ClassToken(width)
        self.positions = Positions(1 + frames * places, width)
        self.layers = nn.Sequential(
            *(
                nn.Sequential(
                    Residual(width, DividedAttention(width, heads, frames, over_time=True)),
                    Residual(width, DividedAttention(width, heads, frames, over_time=False)),
                    Residual(width, perceptron(width, 4 * width)),
                )
                for _ in range(DEPTH)
            )
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 1)

    def forward(self, cine: Tensor) -> Tensor:
        """Return logits `(B,)` for `(B, 1, T, Y, X)`.

        Raises:
            ValueError: another shape.
        """
        expect(cine, self.preprocessing)
        patches = self.patches(as_colour(cine)).flatten(2).transpose(1, 2)
        tokens = self.layers(self.positions(self.class_token(patches)))
        logits: Tensor = self.head(self.norm(tokens[:, 0])).squeeze(1)
        return logits


class DividedAttention(Attention):
    """Attention of each patch within its place (over time) or its frame; class token with all.

    Tokens are the class token, then the patches, frame by frame.
    """

    def __init__(self, width: int, heads: int, frames: int, *, over_time: bool) -> None:
        super().__init__(width, heads, bias=False)
        self.frames = frames
        self.over_time = over_time

    def mix(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Map `(B, heads, 1 + T * S, d)` thrice to one of the same shape."""
        whole = F.scaled_dot_product_attention(query[..., :1, :], key, value)
        groups = self._groups(query)
        mixed = F.scaled_dot_product_attention(
            groups, self._with_class_token(key), self._with_class_token(value)
        )
        ordered = mixed.transpose(-3, -2) if self.over_time else mixed
        return torch.cat((whole, ordered.flatten(-3, -2)), -2)

    def _groups(self, tokens: Tensor) -> Tensor:
        """Return the patches as `(B, heads, groups, members, d)`."""
        grid: Tensor = tokens[..., 1:, :].unflatten(-2, (self.frames, -1))
        return grid.transpose(-3, -2) if self.over_time else grid

    def _with_class_token(self, tokens: Tensor) -> Tensor:
        groups = self._groups(tokens)
        first = tokens[..., None, :1, :].expand(*groups.shape[:-2], 1, -1)
        return torch.cat((first, groups), -2)


@register(
    "timesformer",
    task="mvo",
    counts=(Count("76.54M", why="depth and width are our choice among many that fit"),),
    source="Bertasius et al., ICML 2021; count: Yan et al., MICCAI",
    note="divided attention over time and space",
)
def timesformer(settings: ModelSettings, preprocessing: Preprocessing) -> TimeSformer:
    """The TimeSformer comparator."""
    return TimeSformer(settings, preprocessing)
