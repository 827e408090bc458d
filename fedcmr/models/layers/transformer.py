"""Transformers from Linear layers: exact under per-sample gradients, unlike nn.MultiheadAttention.

Tokens are `(B, ..., N, D)`; whatever stands between B and N is attended to separately.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Multi-head self-attention.

    Args:
        width: D, a multiple of `heads`.
        heads: attended to separately.
        bias: of queries, keys and values.
    """

    def __init__(self, width: int, heads: int, *, bias: bool = True) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=bias)
        self.key = nn.Linear(width, width, bias=bias)
        self.value = nn.Linear(width, width, bias=bias)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, ..., N, D)` to the same shape."""
        query, key, value = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(-3, -2)
            for layer in (self.query, self.key, self.value)
        )
        mixed: Tensor = self.out(self.mix(query, key, value).transpose(-3, -2).flatten(-2))
        return mixed

    def mix(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Map `(B, ..., heads, N, D / heads)` thrice to one of the same shape."""
        return F.scaled_dot_product_attention(query, key, value)


class Residual(nn.Module):
    """`x + layer(norm(x))`: the pre-norm residual branch, with dropout on its end."""

    def __init__(self, width: int, layer: nn.Module, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.layer = layer
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, ..., N, D)` to the same shape."""
        changed: Tensor = x + self.dropout(self.layer(self.norm(x)))
        return changed


def perceptron(width: int, hidden: int, dropout: float = 0.0) -> nn.Sequential:
    """Return the two-layer perceptron of a transformer."""
    return nn.Sequential(
        nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, width)
    )


def transformer_layer(
    width: int, heads: int, hidden: int, *, bias: bool = True, dropout: float = 0.0
) -> nn.Sequential:
    """Return attention and perceptron, each in its residual branch."""
    return nn.Sequential(
        Residual(width, Attention(width, heads, bias=bias), dropout),
        Residual(width, perceptron(width, hidden, dropout), dropout),
    )


class ClassToken(nn.Module):
    """A learned token before all others; a leaf, so that Opacus asks autograd for its gradient."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.empty(width))
        nn.init.normal_(self.token, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, ..., N, D)` to `(B, ..., 1 + N, D)`."""
        return torch.cat((self.token.expand(*x.shape[:-2], 1, -1), x), -2)


class Positions(nn.Module):
    """Learned positions, added; a leaf, so that Opacus asks autograd for their gradient."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.empty(shape))
        nn.init.normal_(self.positions, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, *shape)` to the same shape."""
        return x + self.positions
