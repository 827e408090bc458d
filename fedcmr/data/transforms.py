"""Augmentation: the eight ways to lay a square image on itself, the same for a whole study.

Exact on the pixel grid, so nothing is interpolated. Drawing and applying are separate: the draw is
a number per study that a run can repeat.
"""

from typing import TypeVar

import numpy as np
import torch
from torch import Generator, Tensor

Image = TypeVar("Image", Tensor, np.ndarray)

POSES = 8
"""Four quarter turns, each with or without a flip."""


def draw_poses(count: int, generator: Generator) -> Tensor:
    """Return a random pose per study: (count,) integers in [0, 8)."""
    return torch.randint(POSES, (count,), generator=generator)


def apply_poses(cines: Tensor, poses: Tensor) -> Tensor:
    """Turn and flip (B, Z, T, Y, X), Y = X, by one pose each, (B,)."""
    return torch.stack(
        [_apply_pose(cine, int(pose)) for cine, pose in zip(cines, poses, strict=True)]
    )


def _apply_pose(cine: Tensor, pose: int) -> Tensor:
    turned = torch.rot90(cine, pose % 4, (-2, -1))
    return turned.flip(-1) if pose >= POSES // 2 else turned


def centre(images: Image, side: int) -> Image:
    """Return the middle (..., side, side) of square images (..., n, n); n - side is even."""
    margin = (images.shape[-1] - side) // 2
    return images[..., margin : margin + side, margin : margin + side]
