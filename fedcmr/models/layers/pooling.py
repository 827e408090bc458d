"""Halving y and x; depth and time are never reduced."""

import torch.nn.functional as F
from torch import Tensor

from fedcmr.models.layers.channels import channels_first, channels_last
from fedcmr.models.layers.factorised import Layout


def halve_plane(x: Tensor, layout: Layout) -> Tensor:
    """Average 2x2 pixels, which is bilinear resizing by one half.

    Args:
        x: `(B, Y, X, T, C)` or, in the 4-D layout, `(B, T, Z, Y, X, C)`; Y and X even.
        layout: order of the positions.
    """
    if layout == "slices_as_channels":
        return _average_2x2(x.flatten(3)).view(
            len(x), x.shape[1] // 2, x.shape[2] // 2, *x.shape[3:]
        )
    return _average_2x2(x.flatten(0, 2)).view(*x.shape[:3], x.shape[3] // 2, x.shape[4] // 2, -1)


def _average_2x2(images: Tensor) -> Tensor:
    """Halve `(N, Y, X, C)`."""
    return channels_last(F.avg_pool2d(channels_first(images), 2))
