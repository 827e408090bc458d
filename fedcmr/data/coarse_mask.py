"""A mask on a coarse grid: which share of each cell is lesion. Yan et al., MICCAI: P_ij."""

import torch.nn.functional as F
from torch import Tensor


def coarse_mask(mask: Tensor, grid: int) -> Tensor:
    """Return the share of true pixels in each cell, 0..1.

    Cells are squares of side ceil(n / m). The image is filled up with zeros at the bottom and on
    the right to m whole cells, and every count is divided by the whole cell, so that a lesion at
    the border never weighs more than one inside.

    Args:
        mask: `(..., n, n)` bool.
        grid: m, cells along a side, from 1 to n.

    Returns:
        `(..., m, m)` float32.

    Raises:
        ValueError: not square, or a grid finer than the pixels.
    """
    side = mask.shape[-1]
    if mask.shape[-2] != side or not 1 <= grid <= side:
        raise ValueError(f"no grid of {grid} on a mask of {tuple(mask.shape)}")
    cell = -(-side // grid)
    margin = grid * cell - side
    cells = F.pad(mask.float(), (0, margin, 0, margin)).unflatten(-1, (grid, cell))
    shares: Tensor = cells.unflatten(-3, (grid, cell)).sum((-3, -1)) / cell**2
    return shares
