"""Augmentation of MVO slices: the same for all frames and the mask.

The paper names random crop, flip, rotation and photometric distortion; sizes and probabilities are
ours. Drawing and applying are separate: a draw is plain numbers that a run can repeat.
"""

import math
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

MARGIN = 8
"""Pixels that a stored side has more than the network sees: 72 and 64."""
LARGEST_ANGLE = 20.0
"""Degrees."""
BRIGHTNESS = 32 / 255
CONTRAST = (0.5, 1.5)


@dataclass(frozen=True)
class Draws:
    """One draw per sample; every field is `(B,)`, but corner, which is `(B, 2)`."""

    corner: Tensor
    """First row and column of the crop, 0..MARGIN."""
    flip_y: Tensor
    flip_x: Tensor
    reverse: Tensor
    """Whether time runs backwards."""
    angle: Tensor
    """Degrees."""
    brightness: Tensor
    """Added to intensities 0..1."""
    contrast: Tensor
    """Factor on intensities."""

    def __getitem__(self, indices: Tensor) -> "Draws":
        """Return the draws of some samples."""
        return Draws(**{field.name: getattr(self, field.name)[indices] for field in fields(self)})


def draw(count: int, generator: Generator) -> Draws:
    """Draw for `count` samples; each change but the crop happens to half of them."""

    def coin() -> Tensor:
        return torch.rand(count, generator=generator) < 0.5

    def uniform(low: float, high: float, otherwise: float) -> Tensor:
        values = low + (high - low) * torch.rand(count, generator=generator)
        return torch.where(coin(), values, otherwise)

    return Draws(
        corner=torch.randint(MARGIN + 1, (count, 2), generator=generator),
        flip_y=coin(),
        flip_x=coin(),
        reverse=coin(),
        angle=uniform(-LARGEST_ANGLE, LARGEST_ANGLE, 0.0),
        brightness=uniform(-BRIGHTNESS, BRIGHTNESS, 0.0),
        contrast=uniform(*CONTRAST, 1.0),
    )


def augment(cines: Tensor, masks: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """Return cines `(B, 1, T, n, n)` and masks `(B, n, n)` of `n + MARGIN` pixels a side.

    Frames are interpolated linearly, masks take the nearest label: none is invented. What a
    rotation brings in from outside is dark and background.

    Args:
        cines: `(B, 1, T, Y, X)`, intensities 0..1.
        masks: `(B, Y, X)`, integer labels.
        draws: of these samples.
    """
    pairs = [
        _augment_one(cine, mask, draws[torch.tensor(index)])
        for index, (cine, mask) in enumerate(zip(cines, masks, strict=True))
    ]
    return torch.stack([cine for cine, _ in pairs]), torch.stack([mask for _, mask in pairs])


def _augment_one(cine: Tensor, mask: Tensor, draw: Draws) -> tuple[Tensor, Tensor]:
    if draw.angle != 0:
        turned = rotate(mask[None].float(), float(draw.angle), "nearest")
        mask = turned[0].to(mask.dtype)
        cine = rotate(cine, float(draw.angle), "bilinear")
    side = cine.shape[-1] - MARGIN
    row, column = draw.corner.tolist()
    axes = [axis for axis, flip in ((-2, draw.flip_y), (-1, draw.flip_x)) if flip]
    window = (..., slice(row, row + side), slice(column, column + side))
    cine, mask = cine[window].flip(axes), mask[window].flip(axes)
    if draw.reverse:
        cine = cine.flip(1)
    return ((cine + draw.brightness.item()) * draw.contrast.item()).clamp(0, 1), mask


def rotate(images: Tensor, degrees: float, mode: str) -> Tensor:
    """Turn `(C, ..., Y, X)` about the centre of the image, from x towards y.

    Args:
        images: float; Y = X.
        degrees: of the turn.
        mode: "bilinear" or "nearest".
    """
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    affine = torch.tensor([[[cosine, sine, 0.0], [-sine, cosine, 0.0]]], device=images.device)
    planes = images.reshape(1, -1, *images.shape[-2:])
    grid = F.affine_grid(affine, list(planes.shape), align_corners=False)
    turned = F.grid_sample(planes, grid, mode=mode, align_corners=False)
    return turned.view(images.shape)
