"""The residual block of the ST-RAN skeleton, and its linear layers as Keras makes them."""

import torch.nn.functional as F
from torch import Tensor, nn

from fedcmr.models.layers.normalisation import EPSILON


class ResidualBlock(nn.Module):
    """Gate, two normalised convolutions and a shortcut; `(B, *positions, C)` to `(..., width)`."""

    def __init__(
        self, gate: nn.Module, first: nn.Module, second: nn.Module, shortcut: nn.Module, width: int
    ) -> None:
        super().__init__()
        self.gate = gate
        self.first = first
        self.first_norm = nn.LayerNorm(width, eps=EPSILON)
        self.second = second
        self.second_norm = nn.LayerNorm(width, eps=EPSILON)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum of both paths, without an activation after it."""
        y = F.relu(self.first_norm(self.first(self.gate(x))))
        y = self.second_norm(self.second(y))
        total: Tensor = self.shortcut(x) + y
        return total


def projection(channels: int, width: int) -> nn.Sequential:
    """Return the shortcut between different widths."""
    return nn.Sequential(glorot_linear(channels, width), nn.LayerNorm(width, eps=EPSILON))


def glorot_linear(channels: int, width: int) -> nn.Linear:
    """Return a linear layer with Glorot uniform weights and zero bias."""
    linear = nn.Linear(channels, width)
    nn.init.xavier_uniform_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear
