"""Is there microvascular obstruction in this slice? Yan et al., MICCAI: from the cine alone.

A sample is a slice. In training a mask of the late-enhancement image is known: 0 background,
1 infarct, 2 MVO, 3 myocardium.
"""

import torch.nn.functional as F
from torch import Tensor

from fedcmr.data.coarse_mask import coarse_mask

MVO = 2
"""The label of obstruction in a mask."""
MAP_WEIGHT = 0.05
"""Lambda of the paper."""


def case_labels(masks: Tensor) -> Tensor:
    """Return 1 where a mask `(B, Y, X)` has an MVO pixel, else 0; float32 `(B,)`.

    Give it the whole mask: a crop may have lost the only pixel that makes the case.
    """
    return (masks == MVO).flatten(1).any(1).float()


def map_targets(masks: Tensor, grid: int) -> Tensor:
    """Return the coarse mask `(B, grid, grid)`, 0..1, of masks `(B, n, n)`.

    Raises:
        ValueError: not square, or a grid finer than the pixels.
    """
    return coarse_mask(masks == MVO, grid)


def map_loss(
    logits: Tensor,
    maps: Tensor,
    labels: Tensor,
    targets: Tensor,
    *,
    weight: float = MAP_WEIGHT,
    bce_weight: float = 1.0,
) -> Tensor:
    """Return cross entropy plus `weight` times the squared error of the map, a sample each.

    The released code halves the cross entropy (`bce_weight=0.5`), which doubles the paper's lambda.

    Args:
        logits: `(B,)`.
        maps: predicted shares, `(B, m, m)`.
        labels: 0 or 1, `(B,)`.
        targets: true shares, `(B, m, m)`.
        weight: lambda.
        bce_weight: of the cross entropy.

    Returns:
        `(B,)`, nats.
    """
    entropy = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    error = (maps - targets).square().mean((1, 2))
    return bce_weight * entropy + weight * error
