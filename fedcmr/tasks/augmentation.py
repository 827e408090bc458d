"""Augmentations by name: what is drawn for each sample, and what it does to cine and mask."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Generator, Tensor

from fedcmr.data.transforms import apply_poses, draw_poses
from fedcmr.tasks import mvo_augment


@dataclass(frozen=True)
class Augmentation:
    """Drawing and applying are separate: draws are plain numbers that a run can repeat."""

    draw: Callable[[int, Generator], Any]
    """Draws for so many samples; a tensor of indices picks those of some."""
    apply: Callable[[Tensor, Tensor, Any], tuple[Tensor, Tensor]]
    """Cines (B, Z, T, Y, X) of 0..1, masks (B, Y, X) and draws to cines and masks."""


def _pose(cines: Tensor, masks: Tensor, poses: Tensor) -> tuple[Tensor, Tensor]:
    return apply_poses(cines, poses), masks  # a study has no mask


AUGMENTATIONS: dict[str, Augmentation | None] = {
    "none": None,
    "flip_rotate": Augmentation(draw_poses, _pose),
    "mvo": Augmentation(mvo_augment.draw, mvo_augment.augment),
}
"""By the word of the training settings."""
