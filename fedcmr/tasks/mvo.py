"""Is there microvascular obstruction in this slice? Yan et al., MICCAI: from the cine alone.

A sample is a slice. In training a mask of the late-enhancement image is known; the label of a slice
is from that whole mask, since a crop may have lost the only pixel that makes the case.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from fedcmr.data.coarse_mask import coarse_mask
from fedcmr.data.record import StudyRecord
from fedcmr.tasks.scar import binary_cross_entropy, intensity
from fedcmr.tasks.task import MapTask, Task
from fedcmr.types import MaskLabel

MAP_WEIGHT = 0.05
"""Lambda of the paper."""


def mvo_labels(record: StudyRecord) -> tuple[int | None, ...]:
    """Return 1 for each slice with MVO, 0 without, None without a mask."""
    return record.mvo_slices


def map_targets(masks: Tensor, grid: int) -> Tensor:
    """Return the coarse mask `(B, grid, grid)`, 0..1, of masks `(B, n, n)`.

    Raises:
        ValueError: not square, or a grid finer than the pixels.
    """
    return coarse_mask(masks == MaskLabel.MVO, grid)


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


MVO_TASK = Task(
    name="mvo",
    labels=mvo_labels,
    input=intensity,
    loss=binary_cross_entropy,
    score=torch.sigmoid,
    classes=("slice without MVO", "slice with MVO"),
    map=MapTask(map_targets, map_loss),
)
