"""The two views of one activation: channels first for convolutions, last for everything else."""

import torch
from torch import Tensor


def channels_first(x: Tensor) -> Tensor:
    """View `(B, *positions, C)` as `(B, C, *positions)` in a channels_last memory format."""
    return x.movedim(-1, 1)


def channels_last(x: Tensor) -> Tensor:
    """View `(B, C, *positions)` as `(B, *positions, C)`, contiguous.

    Copies only where a backend answered in another memory format than it was given.
    """
    return x.movedim(1, -1).contiguous()


def plain_cpu(x: Tensor) -> bool:
    """Return whether kernels made for a CPU's caches serve: not where autocast picks the format."""
    return x.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
